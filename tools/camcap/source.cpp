#include "source.h"

#include "media_source.h"
#include "test_source.h"
#include "v4l2_source.h"

namespace camring::camcap {

std::unique_ptr<Source> make_source(const SourceSpec& spec, const Options& options) {
  switch (spec.kind) {
    case SourceKind::v4l2:
      return std::make_unique<V4l2Source>(spec.address, options);
    case SourceKind::test:
      return std::make_unique<TestSource>(spec.address, options);
    case SourceKind::file:
    case SourceKind::network:
    case SourceKind::standard_input:
      break;
  }
  return std::make_unique<MediaSource>(spec, options);
}

}  // namespace camring::camcap
