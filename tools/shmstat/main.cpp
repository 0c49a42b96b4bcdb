#include "shmstat.h"

int main(int argc, char** argv) { return camring::app::run<camring::shmstat::Shmstat>(argc, argv); }
