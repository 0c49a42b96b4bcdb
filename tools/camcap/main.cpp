#include "camcap.h"

int main(int argc, char** argv) { return camring::app::run<camring::camcap::Camcap>(argc, argv); }
