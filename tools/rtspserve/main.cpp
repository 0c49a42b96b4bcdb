#include "rtspserve.h"

int main(int argc, char** argv) { return camring::app::run<camring::rtspserve::Rtspserve>(argc, argv); }
