/* Who owns a ring's name, when writers start, end and die anywhere and somebody removes what dead ones left?
 *
 * The files of one name as a directory: which lock file and which ring the names stand for now. Modelled:
 *
 *   writer_lock.cpp   open_or_create, WriterLock::WriterLock -> inline take; remove_file -> inline give_back
 *   ring_builder.cpp  put_in_place (unlink, linkat, rename)  -> proctype writer, "put in place"
 *   ring_writer.cpp   RingWriter::State::State, start_generation, RingWriter::close -> proctype writer
 *   ring_list.cpp     remove_dead_ring -> proctype remover
 *
 * Each system call is one step; between any two a process may be killed, which frees its lock (the kernel's
 * promise for open-file-description locks). Checked: never two owners; a living owner's ring and lock file stand
 * under their names until it takes them away itself; no generation is put in place that another process made.
 *
 * WITHOUT_SAME_FILE leaves out the look whether the locked file is still the one that has the name;
 * WITHOUT_LOCK_ORDER removes the lock file before the ring. Both must fail (tests/model/check.py).
 */
#ifndef WRITERS
#define WRITERS 3
#endif
#define NOBODY 255

byte lock_name;      /* the lock file that has the name; 0: none. Files are numbered as they are made */
byte ring_name;      /* whose ring has the name: 1 + process; 0: none */
byte temp_name;      /* whose generation has the companion name */
byte files;          /* lock files made so far */
byte holder[WRITERS * 4 + 4]; /* of the lock on each lock file; NOBODY: free */
byte owner = NOBODY; /* who believes that the name is its own */

inline die() {
  atomic {
    if
    :: file != 0 && holder[file] == me -> holder[file] = NOBODY
    :: else
    fi;
    if
    :: owner == me -> owner = NOBODY
    :: else
    fi;
    goto dead
  }
}

/* A step, before which the process may be killed. */
#define STEP if :: true -> die() :: true fi

inline take() {
  skip;
retry:
  file = 0;
  STEP;
  if /* open what is there, else create it, and only if it is still absent */
  :: atomic { lock_name != 0 -> file = lock_name }
  :: atomic { lock_name == 0 -> skip };
    STEP;
    if
    :: atomic { lock_name == 0 -> files++; lock_name = files; file = files; holder[file] = NOBODY }
    :: atomic { lock_name != 0 -> goto retry }
    fi
  fi;
  STEP;
  if
  :: atomic { holder[file] == NOBODY -> holder[file] = me }
  :: atomic { holder[file] != NOBODY ->
      goto dead /* "another process writes it" */
    }
  fi;
  STEP;
#ifndef WITHOUT_SAME_FILE
  if
  :: atomic { lock_name != file -> holder[file] = NOBODY; goto retry }
  :: atomic { lock_name == file -> assert(owner == NOBODY); owner = me }
  fi
#else
  atomic { assert(owner == NOBODY); owner = me }
#endif
}

inline give_back() {
  STEP;
  if
  :: atomic { lock_name == file -> lock_name = 0; owner = NOBODY }
  :: atomic { lock_name != file -> assert(false) } /* somebody took a living owner's lock file */
  fi
}

proctype writer(byte me) {
  byte file, generation;
  take();
  do
  :: generation < 2 -> /* put in place: the first, then perhaps another format */
    STEP;
    temp_name = 0;
    STEP;
    atomic { assert(temp_name == 0); temp_name = 1 + me }
    STEP;
    atomic {
      assert(temp_name == 1 + me);
      assert(generation == 0 || ring_name == 1 + me);
      ring_name = temp_name;
      temp_name = 0
    }
    generation++
  :: generation > 0 -> break
  od;
  /* It publishes here. */
  assert(owner == me && ring_name == 1 + me);
#ifdef WITHOUT_LOCK_ORDER
  give_back();
  STEP;
  atomic { assert(ring_name == 1 + me); ring_name = 0 }
#else
  STEP;
  atomic { assert(ring_name == 1 + me); ring_name = 0 }
  give_back();
#endif
  die();
dead:
  skip
}

proctype remover(byte me) {
  byte file;
  take();
  STEP;
  temp_name = 0;
  STEP;
  ring_name = 0;
  give_back();
  die();
dead:
  skip
}

init {
  byte i;
  atomic {
    for (i : 0 .. WRITERS * 4 + 3) { holder[i] = NOBODY }
    for (i : 0 .. WRITERS - 1) { run writer(i) }
    run remover(WRITERS)
  }
}
