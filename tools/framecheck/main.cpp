#include "framecheck.h"

int main(int argc, char** argv) { return camring::app::run<camring::framecheck::Framecheck>(argc, argv); }
