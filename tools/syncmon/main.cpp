#include "syncmon.h"

int main(int argc, char** argv) { return camring::app::run<camring::syncmon::Syncmon>(argc, argv); }
