// Exit codes that every tool shares; supervisors rely on them, so each man page lists them.
#pragma once

namespace camring {

/// Process exit codes (sysexits.h numbers). Check tools use 0 to 3 of the Monitoring Plugins instead.
enum class ExitCode : int {
  ok = 0,              ///< done, or stopped by SIGINT/SIGTERM in an orderly way
  usage = 64,          ///< the command line is wrong
  data = 65,           ///< the input's data is bad: corrupt file, unsupported format
  no_input = 66,       ///< no such ring, device or file
  unavailable = 69,    ///< a service or peer is unavailable
  internal = 70,       ///< a fault of ours
  system = 71,         ///< the system refused: no memory, /dev/shm full, port in use
  temporary = 75,      ///< temporary loss: device gone, source ended
  no_permission = 77,  ///< not permitted
  config = 78,         ///< configuration error; units do not restart on it
};

}  // namespace camring
