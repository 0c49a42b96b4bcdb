#include "shmpub.h"

int main(int argc, char** argv) { return camring::app::run<camring::shmpub::Shmpub>(argc, argv); }
