#include "sseserve.h"

int main(int argc, char** argv) { return camring::app::run<camring::sseserve::Sseserve>(argc, argv); }
