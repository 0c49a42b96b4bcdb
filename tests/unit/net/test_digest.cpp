#include "catch.h"
#include "net/digest.h"

using namespace camring::net;

TEST_CASE("digest: RFC 7616's own examples come out right") {
  DigestFields fields = *parse_digest(
      "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", "
      "algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
      "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, "
      "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"");
  CHECK(digest_algorithm(fields) == DigestAlgorithm::sha256);
  CHECK(digest_response(DigestAlgorithm::sha256, fields, "Mufasa", "Circle of Life", "GET") ==
        fields.response);
  CHECK(digest_response(DigestAlgorithm::md5, fields, "Mufasa", "Circle of Life", "GET") ==
        "8ca523f5e9506fed4657c9700eebdbec");
}

TEST_CASE("digest: RFC 2069's form, without qop") {
  DigestFields fields;
  fields.realm = "testrealm@host.com";
  fields.nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
  fields.uri = "/dir/index.html";
  CHECK(digest_response(DigestAlgorithm::md5, fields, "Mufasa", "CircleOfLife", "GET") ==
        "1949323746fe6a43ef61f9606e7febea");
}

TEST_CASE("digest: broken fields are no digest, unknown ones no harm") {
  CHECK_FALSE(parse_digest(""));
  CHECK_FALSE(parse_digest("Basic abc"));
  CHECK_FALSE(parse_digest("Digest realm=\"open"));
  CHECK_FALSE(parse_digest("Digest nothing"));
  CHECK(parse_digest("digest x=y, realm=\"a\\\"b\",stale=TRUE")->realm == "a\"b");
  CHECK(parse_digest("Digest stale=TRUE")->stale);
  CHECK_FALSE(digest_algorithm(*parse_digest("Digest algorithm=MD4")));
}

TEST_CASE("digest: nonces prove themselves and age") {
  const Nonces nonces, others;
  const std::int64_t now = 1'000'000'000'000;
  const std::string nonce = nonces.make(now);
  CHECK(nonces.check(nonce, now) == Nonces::Verdict::good);
  CHECK(nonces.check(nonce, now + 299'000'000'000) == Nonces::Verdict::good);
  CHECK(nonces.check(nonce, now + 301'000'000'000) == Nonces::Verdict::stale);
  CHECK(others.check(nonce, now) == Nonces::Verdict::bad);
  std::string forged = nonce;
  forged[3] = forged[3] == '0' ? '1' : '0';
  CHECK(nonces.check(forged, now) == Nonces::Verdict::bad);
  CHECK(nonces.check("", now) == Nonces::Verdict::bad);
}

TEST_CASE("digest: a client takes the strongest challenge that it knows") {
  const std::vector<std::string> all{"Basic realm=\"x\"", "Digest realm=\"x\", nonce=\"n\", algorithm=MD5",
                                     "Digest realm=\"x\", nonce=\"n\", algorithm=SHA-256"};
  CHECK(answer_challenge(all, "u", "p", "DESCRIBE", "rtsp://h/x").find("algorithm=SHA-256") !=
        std::string::npos);
  CHECK(answer_challenge({all[0], all[1]}, "u", "p", "DESCRIBE", "rtsp://h/x").find("algorithm=MD5") !=
        std::string::npos);
  CHECK(answer_challenge({all[0]}, "u", "p", "DESCRIBE", "rtsp://h/x") == "Basic dTpw");
  CHECK(answer_challenge({"Negotiate"}, "u", "p", "DESCRIBE", "rtsp://h/x").empty());
}
