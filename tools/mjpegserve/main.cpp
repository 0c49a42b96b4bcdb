#include "mjpegserve.h"

int main(int argc, char** argv) { return camring::app::run<camring::mjpegserve::Mjpegserve>(argc, argv); }
