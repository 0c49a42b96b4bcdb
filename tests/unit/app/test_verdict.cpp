#include "app/verdict.h"
#include "catch.h"

using namespace camring::app;

TEST_CASE("verdict: the worst reason decides and comes first, and a fault hides no doubt", "[app]") {
  Verdict verdict;
  CHECK(verdict.text().empty());
  verdict.add(State::unknown, "a", "not known");
  verdict.add(State::warning, "b", "odd");
  verdict.add(State::critical, "c", "bad");
  verdict.add(State::warning, "d", "odd too");
  CHECK(verdict.state == State::critical);
  CHECK(verdict.text() == "bad; odd; odd too; not known");
}

TEST_CASE("verdict: nothing in the text ends the status line or begins perfdata", "[app]") {
  CHECK(status_line("X", State::warning, "a|b\nc", "n=1;2;3") == "X WARNING - a b c | n=1;2;3\n");
  CHECK(status_line("X", State::ok, "fine") == "X OK - fine\n");
  CHECK(prometheus_label("a\"b\\c\nd") == "a\\\"b\\\\c d");
}

TEST_CASE("verdict: a limit's words are taken apart, its range not looked at", "[app]") {
  const auto limit = split_limit("cam0/noise=1:2");
  REQUIRE(limit);
  CHECK((limit->subject == "cam0" && limit->metric == "noise" && limit->range == "1:2"));
  CHECK(split_limit("noise=a/b")->subject.empty());
  CHECK_FALSE(split_limit("noise"));
}
