// Catch2 2.13 (Debian 12) and 3 (newer) differ in their headers; this is the only place that knows.
#pragma once

#ifdef CAMRING_CATCH2_V3
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
