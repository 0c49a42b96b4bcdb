/* Can a reader take a torn frame for a whole one, on any machine that C++20's memory model allows?
 *
 * The ring's publish and read protocol, with atomics and fences as the C++ memory model defines them, not as
 * one processor happens to run them. What is modelled, line by line:
 *
 *   writer   ring_writer.cpp   RingWriter::claim   -> inline claim
 *                              RingWriter::commit  -> inline commit
 *   reader   ring_view.cpp     RingView::read      -> inline read
 *                              RingView::still_valid -> inline still_valid
 *            ring_reader.cpp   RingReader::State::take, and wait_and_take up to FUTEX_WAIT -> proctype reader
 *
 * Memory. Each location keeps the history of all stores to it. A load may return any store that is not older
 * than what its thread already knows: than what it read there before (coherence), and than what happens
 * before it. Knowledge travels as in C++: a release store covers all stores before it; a relaxed store
 * covers those before the last release fence; an acquire load takes over what the store that it read covers;
 * a relaxed load puts that aside until the next acquire fence. This is the model of Kang et al., "A promising
 * semantics for relaxed-memory concurrency" (POPL 2017), without promises, which is RC11 (Lahav et al., PLDI
 * 2017). Nothing is lost by leaving promises out: no value ever flows from a reader to the writer. For the
 * same reason the writer may run first and the reader choose afterwards what it saw of that: a load
 * that "comes early" is one that returns an old store. Readers don't affect each other, so one is all of them;
 * and a writer that dies half-way has made a prefix of these stores, of which every reading is among those here.
 *
 * Size. Payloads of one or two words in an arena of ARENA words, DEPTH index entries, FRAMES frames, any of
 * them preceded by a claim that was filled and dropped: index and arena both wrap, with and without a skip at
 * the arena's end.
 *
 * Checked: a frame that read() hands out has the fields of its number; a payload that still_valid() confirms
 * is that frame's; a reader never takes a good ring for a damaged one; missed + seen is exact; nobody goes to sleep
 * on a futex word that already counts an unseen frame.
 *
 * Each WITHOUT_... leaves one order or check out. Checked too (tests/model/check.py): which of them the
 * protocol can't do without; and, by NEVER_..., that readers do get frames and do see torn ones here.
 */
#ifndef FRAMES
#define FRAMES 5
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define DEPTH 2
#define ARENA 5
#define DROPPED 200 /* what a dropped claim was filled with */

/* Locations */
#define HEAD 0
#define INTENT 1
#define WORD 2
#define SEQ 3
#define POSITION (SEQ + DEPTH)
#define SIZE (POSITION + DEPTH)
#define PAYLOAD (SIZE + DEPTH)
#define LOCATIONS (PAYLOAD + ARENA)
#define STORES 16

typedef History {
  byte at[STORES];     /* place in the writer's program order; 0: before the ring was visible */
  byte value[STORES];
  byte covers[STORES]; /* who synchronises with this store knows all stores up to that place */
  byte count
}
History memory[LOCATIONS];
byte place;  /* of the writer's newest store */
byte fenced; /* its place at the last release fence */
byte size_of[FRAMES];
bool finished;

#define CONTENT(number, word) (1 + 2 * (number) + (word))
#define NEEDS(words) (words) /* slot_bytes(): nothing is rounded here */

inline store(location, what, release) {
  d_step {
    place++;
    assert(memory[location].count < STORES);
    memory[location].at[memory[location].count] = place;
    memory[location].value[memory[location].count] = what;
    memory[location].covers[memory[location].count] = (release -> place : fenced);
    memory[location].count++
  }
}

inline release_fence() { fenced = place }

inline claim(words) {
  start = position;
  if
  :: start % ARENA + words > ARENA -> start = (start / ARENA + 1) * ARENA
  :: else
  fi;
  if
  :: start + words > intent -> intent = start + words
  :: else
  fi;
  store(INTENT, intent, false);
#ifndef WITHOUT_CLAIM_FENCE
  release_fence();
#endif
}

inline commit(words) {
#ifndef WITHOUT_ODD
  store(SEQ + number % DEPTH, 2 * number + 1, false);
#endif
#ifndef WITHOUT_COMMIT_FENCE
  release_fence();
#endif
  store(POSITION + number % DEPTH, start, false);
  store(SIZE + number % DEPTH, words, false);
#ifndef WITHOUT_SEQ_RELEASE
  store(SEQ + number % DEPTH, 2 * number + 2, true);
#else
  store(SEQ + number % DEPTH, 2 * number + 2, false);
#endif
#ifndef WITHOUT_HEAD_RELEASE
  store(HEAD, number + 1, true);
#else
  store(HEAD, number + 1, false);
#endif
#ifndef WITHOUT_WORD_RELEASE
  store(WORD, number + 1, true);
#else
  store(WORD, number + 1, false);
#endif
  position = start + NEEDS(words);
  number++
}

active proctype writer() {
  byte position, intent, start, number, words, i;
  bool dropped;
  d_step {
    for (i : 0 .. LOCATIONS - 1) { memory[i].count = 1 }
  }
  do
  :: number < FRAMES ->
    if
    :: words = 1
    :: words = 2
    fi;
    if
    :: !dropped /* first a claim that is filled and given up */
      -> atomic {
        dropped = true;
        claim(2);
        store(PAYLOAD + start % ARENA, DROPPED, false);
        store(PAYLOAD + start % ARENA + 1, DROPPED, false)
      }
    :: true
    fi;
    atomic {
      size_of[number] = words;
      claim(words);
      for (i : 0 .. words - 1) {
        store(PAYLOAD + start % ARENA + i, CONTENT(number, i), false)
      }
      commit(words)
    }
  :: else -> break
  od;
  finished = true
}

/* What the reader knows: every store up to `known`; up to `aside` after its next acquire fence; and of each
 * location the store that it read last. */
byte known, aside;
byte latest[LOCATIONS];

inline load(location, into, acquire) {
  atomic {
    d_step {
      k = latest[location];
      do
      :: k + 1 < memory[location].count && memory[location].at[k + 1] <= known -> k++
      :: else -> break
      od
    }
    do
    :: k + 1 < memory[location].count -> k++
    :: break
    od;
    d_step {
      latest[location] = k;
      into = memory[location].value[k];
      if
      :: memory[location].covers[k] > aside -> aside = memory[location].covers[k]
      :: else
      fi;
      if
      :: acquire && memory[location].covers[k] > known -> known = memory[location].covers[k]
      :: else
      fi;
      k = 0
    }
  }
}

inline acquire_fence() { known = (aside > known -> aside : known) }

#ifdef WITHOUT_SEQ_ACQUIRE
#define SEQ_ACQUIRE false
#else
#define SEQ_ACQUIRE true
#endif
#ifdef WITHOUT_HEAD_ACQUIRE
#define HEAD_ACQUIRE false
#else
#define HEAD_ACQUIRE true
#endif
#ifdef WITHOUT_WORD_ACQUIRE
#define WORD_ACQUIRE false
#else
#define WORD_ACQUIRE true
#endif

mtype = { frame, absent, overwritten };

inline read(n) {
  load(SEQ + n % DEPTH, s, SEQ_ACQUIRE);
  if
  :: s < 2 * n + 2 -> result = absent
  :: s > 2 * n + 2 -> result = overwritten
  :: else ->
    load(POSITION + n % DEPTH, where, false);
    load(SIZE + n % DEPTH, words, false);
#ifndef WITHOUT_READ_FENCE
    acquire_fence();
#endif
#ifndef WITHOUT_SEQ_AGAIN
    load(SEQ + n % DEPTH, s, false);
#endif
    load(INTENT, reach, false);
    if
    :: s != 2 * n + 2 -> result = overwritten
    :: else ->
      if
      :: reach < where || reach - where > ARENA -> result = overwritten
      :: else -> result = frame
      fi
    fi
  fi
}

inline still_valid(n) {
#ifndef WITHOUT_VALID_FENCE
  acquire_fence();
#endif
  valid = true;
#ifndef WITHOUT_SEQ_LATE
  load(SEQ + n % DEPTH, s, false);
  valid = valid && s == 2 * n + 2;
#endif
#ifndef WITHOUT_INTENT_LATE
  load(INTENT, reach, false);
  valid = valid && reach >= where && reach - where <= ARENA
#endif
}

active proctype reader() {
  byte next, expected, first, seen, missed, rounds, head, word, s, where, words, reach, k;
  byte content[2];
  mtype result;
  bool valid;
  finished;

  /* It may have attached at any time, and stand anywhere. */
  load(HEAD, head, HEAD_ACQUIRE);
  do
  :: next < head -> next++
  :: break
  od;
  expected = next;
  first = next;

  do
  :: rounds < ROUNDS ->
    rounds++;
#ifndef WITHOUT_WORD_FIRST
    load(WORD, word, WORD_ACQUIRE);
#endif
    load(HEAD, head, HEAD_ACQUIRE);
#ifdef WITHOUT_WORD_FIRST
    load(WORD, word, WORD_ACQUIRE);
#endif
    assert(head >= next);  /* else take() calls the ring damaged */
    if
    :: head == next ->
      /* FUTEX_WAIT sleeps only while the word is what was loaded. */
      assert(word != FRAMES || head == FRAMES)
    :: else ->
      read(next);
      assert(result != absent); /* else take() calls the ring damaged */
      if
      :: result == overwritten ->
        next = (head - 1 > next -> head - 1 : next + 1)
      :: else ->
        assert(words == size_of[next] && words >= 1 && words <= 2);
        assert(where % ARENA + words <= ARENA);
        missed = missed + next - expected;
        seen++;
        load(PAYLOAD + where % ARENA, content[0], false);
        if
        :: words == 2 -> load(PAYLOAD + where % ARENA + 1, content[1], false)
        :: else
        fi;
        still_valid(next);
        assert(!valid || content[0] == CONTENT(next, 0));
        assert(!valid || words == 1 || content[1] == CONTENT(next, 1));
        assert(first + seen + missed == next + 1);
#ifdef NEVER_VALID
        assert(!(valid && words == 2 && next > 2 && missed > 0))
#endif
#ifdef NEVER_TORN
        assert(valid || content[0] == CONTENT(next, 0))
#endif
        next++;
        expected = next
      fi
    fi;
    result = 0; s = 0; where = 0; words = 0; reach = 0; content[0] = 0; content[1] = 0; valid = false;
    head = 0; word = 0
  :: else -> break
  od
}
