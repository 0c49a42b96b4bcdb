#include "shmcat.h"

int main(int argc, char** argv) { return camring::app::run<camring::shmcat::Shmcat>(argc, argv); }
