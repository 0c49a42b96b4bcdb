/* camring: read and write shared-memory rings of frames from C and every language that calls C.
 *
 * The bytes behind it are documented in camring-ring(5). The ABI is stable within one soname: structs grow
 * only at their end, and each begins with its size as the caller was compiled with.
 *
 * Threads: an object belongs to one thread at a time. Errors: functions that can fail return a negative
 * number,
 * -(exit code) as in sysexits.h, and camring_error() has the words.
 */
#ifndef CAMRING_RING_H
#define CAMRING_RING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CAMRING_API __attribute__((visibility("default")))
#else
#define CAMRING_API
#endif

/* How a frame's bytes are coded. */
enum { CAMRING_RAW = 1, CAMRING_MJPEG = 2, CAMRING_H264 = 3, CAMRING_HEVC = 4 };

/* Bits of camring_frame.flags. */
enum {
  CAMRING_KEYFRAME = 1 << 0,
  CAMRING_DISCONTINUITY = 1 << 1,
  CAMRING_PLACEHOLDER = 1 << 2,
  CAMRING_INFERRED = 1 << 3,
  CAMRING_DEGRADED = 1 << 4,
  CAMRING_CORRUPT = 1 << 5
};

/* What camring_reader_next() brought. Negative: an error. */
enum {
  CAMRING_GOT_FRAME = 0,
  CAMRING_GOT_NOTHING = 1, /* time-out: camring_reader_writer_state() says why */
  CAMRING_MOVED = 2,       /* on another generation now: ask for the format again, frames follow */
  CAMRING_BAD_RING = 3     /* the ring's bytes make no sense; it will be opened again */
};

/* What can be said of a ring's writer. */
enum {
  CAMRING_WRITER_ABSENT = 0,
  CAMRING_WRITER_STARTING = 1,
  CAMRING_WRITER_LIVE = 2,
  CAMRING_WRITER_NO_SIGNAL = 3,
  CAMRING_WRITER_STALLED = 4,
  CAMRING_WRITER_ENDED = 5,
  CAMRING_WRITER_DEAD = 6
};

/* Where a reader starts. */
enum { CAMRING_START_NEWEST = 0, CAMRING_START_LIVE = 1, CAMRING_START_OLDEST = 2 };

typedef struct {
  uint32_t offset_bytes; /* from the start of the payload */
  uint32_t stride_bytes; /* from one row to the next */
  uint32_t rows;
} camring_plane;

typedef struct {
  uint32_t struct_bytes; /* set to sizeof(camring_format) before every call */
  uint32_t codec;
  uint32_t pixel_format; /* V4L2 fourcc, raw only */
  uint32_t width, height;
  uint32_t rate_num, rate_den; /* frames a second; rate_num 0: unknown */
  uint32_t plane_count;        /* raw only */
  camring_plane planes[4];
  uint8_t colour_range, colour_primaries, colour_transfer,
      colour_matrix; /* ITU-T H.273; range as AVColorRange */
  uint32_t extradata_bytes;
  uint8_t extradata[4096]; /* H.264, HEVC: parameter sets, Annex B */
} camring_format;

/* All times are CLOCK_MONOTONIC nanoseconds. */
typedef struct {
  uint32_t struct_bytes; /* set to sizeof(camring_frame) before every call */
  uint32_t flags;
  uint64_t number;
  int64_t capture_ns;
  int64_t publish_ns;
  uint64_t source_number;
  int64_t source_capture_ns;
  const uint8_t* payload; /* in shared memory: use it, then ask camring_reader_valid() */
  uint64_t payload_bytes;
  const uint8_t* metadata; /* JSON; may be empty */
  uint64_t metadata_bytes;
  uint64_t missed;   /* frames that this reader did not get between the one before and this one */
  uint64_t position; /* internal */
} camring_frame;

typedef struct camring_reader camring_reader;
typedef struct camring_writer camring_writer;

/* The words of the last error of the calling thread; valid until its next call. Never NULL. */
CAMRING_API const char* camring_error(void);
/* "0.1.0" */
CAMRING_API const char* camring_version(void);

/* Opens a ring for reading; one that is not there yet is waited for by camring_reader_next.
 * label: how shmstat names this consumer; NULL: stay unknown to the writer. 0 or a negative error. */
CAMRING_API int camring_reader_open(const char* name, int start, const char* label, camring_reader** reader);
/* The next frame in order, waiting at most timeout_ns (0: only look). newest != 0: skip to the newest at
 * once. */
CAMRING_API int camring_reader_next(camring_reader* reader, camring_frame* frame, int64_t timeout_ns,
                                    int newest);
/* 1 when the frame's bytes have been whole up to this call, else 0. */
CAMRING_API int camring_reader_valid(const camring_reader* reader, const camring_frame* frame);
/* 0, or -66 while there is no ring. */
CAMRING_API int camring_reader_format(const camring_reader* reader, camring_format* format);
CAMRING_API int camring_reader_writer_state(const camring_reader* reader);
/* What to add to the ring's times to get wall-clock time, in ns. */
CAMRING_API int64_t camring_reader_wall_offset(const camring_reader* reader);
CAMRING_API void camring_reader_request_keyframe(camring_reader* reader);
CAMRING_API void camring_reader_close(camring_reader* reader); /* NULL is fine */

/* Fills in tight planes for a raw format. 0, or -64 for an unknown pixel format or an empty size. */
CAMRING_API int camring_raw_format(uint32_t fourcc, uint32_t width, uint32_t height, camring_format* format);
/* Takes the name and makes a ring of `frames` frames (0: a sensible number). 0 or a negative error. */
CAMRING_API int camring_writer_open(const char* name, const camring_format* format, uint32_t frames,
                                    camring_writer** writer);
/* A span of `bytes` to fill in place, valid until the next call with this writer; NULL when it can't fit:
 * then use camring_writer_publish, which makes the ring grow. */
CAMRING_API uint8_t* camring_writer_claim(camring_writer* writer, uint64_t bytes);
/* Publishes the first `bytes` of the claim. Of `info` flags, capture_ns, source_number and source_capture_ns
 * are used; a source_number of UINT64_MAX means: this ring is the source. 0, or -64 without a claim. */
CAMRING_API int camring_writer_commit(camring_writer* writer, uint64_t bytes, const camring_frame* info);
/* Copies and publishes. 0 or a negative error. */
CAMRING_API int camring_writer_publish(camring_writer* writer, const uint8_t* payload, uint64_t bytes,
                                       const camring_frame* info);
/* Changes the format; readers follow. 0 or a negative error. */
CAMRING_API int camring_writer_reconfigure(camring_writer* writer, const camring_format* format);
/* The writer's loop lives; call at least twice a second. */
CAMRING_API void camring_writer_beat(camring_writer* writer);
CAMRING_API uint64_t camring_writer_consumers(const camring_writer* writer);
/* 1 once for each batch of keyframe requests. */
CAMRING_API int camring_writer_keyframe_requested(camring_writer* writer);
/* Ends the ring and removes its files; NULL is fine. */
CAMRING_API void camring_writer_close(camring_writer* writer);

#ifdef __cplusplus
}
#endif
#endif
