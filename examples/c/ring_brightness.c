/* Prints the mean brightness of each frame of a raw ring: a consumer in plain C.
 *   ring_brightness cam0 [frames]
 * Build: cc ring_brightness.c $(pkg-config --cflags --libs camring)
 */
#include <camring/ring.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static double mean_of_first_plane(const camring_frame* frame, const camring_format* format) {
  uint64_t sum = 0;
  for (uint32_t row = 0; row < format->height; ++row) {
    const uint8_t* pixels =
        frame->payload + format->planes[0].offset_bytes + (size_t)row * format->planes[0].stride_bytes;
    for (uint32_t column = 0; column < format->width; ++column) sum += pixels[column];
  }
  return (double)sum / format->width / format->height;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s RING [FRAMES]\n", argv[0]);
    return 64;
  }
  long left = argc > 2 ? atol(argv[2]) : -1;
  camring_reader* reader = NULL;
  int result = camring_reader_open(argv[1], CAMRING_START_NEWEST, "ring_brightness", &reader);
  if (result < 0) {
    fprintf(stderr, "%s: %s\n", argv[0], camring_error());
    return -result;
  }
  camring_format format = {.struct_bytes = sizeof format};
  camring_frame frame = {.struct_bytes = sizeof frame};
  camring_reader_format(reader, &format); /* fails while there is no ring yet; CAMRING_MOVED tells when */
  while (left != 0) {
    switch (camring_reader_next(reader, &frame, 1000000000, 1)) {
      case CAMRING_GOT_FRAME: {
        if (format.codec != CAMRING_RAW) {
          fprintf(stderr,
                  "%s: the ring's frames are compressed: shmpub %s --out raw0:raw,gray8 makes a raw one\n",
                  argv[0], argv[1]);
          camring_reader_close(reader);
          return 65;
        }
        const double mean = mean_of_first_plane(&frame, &format);
        if (!camring_reader_valid(reader, &frame)) continue; /* overwritten while we looked: no result */
        printf("%" PRIu64 " %.2f missed %" PRIu64 "\n", frame.number, mean, frame.missed);
        fflush(stdout);
        if (left > 0) --left;
        break;
      }
      case CAMRING_MOVED:
        camring_reader_format(reader, &format);
        break;
      case CAMRING_GOT_NOTHING:
        fprintf(stderr, "%s: no frame for a second\n", argv[0]);
        break;
      default:
        fprintf(stderr, "%s: %s\n", argv[0], camring_error());
        break;
    }
  }
  camring_reader_close(reader);
  return 0;
}
