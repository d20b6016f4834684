#include "kernel/tests/apart/judge.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "kernel/base/todo.h"
#include "kernel/frames/frame.h"
#include "kernel/tests/hardware.h"
#include "kernel/tests/machine_test.h"

namespace apart {

namespace {

constexpr rlim_t kCpuSeconds = 20;  // many times what all tests take
constexpr timeval kSilence{60, 0};  // for one that waits, or does not listen, and uses no CPU time
constexpr int kFarewell = 5'000;    // milliseconds, for whoever runs the engine to say how it ended
// The signals by which an engine ends that does something wrong.
constexpr int kPassedOn[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGXCPU, SIGXFSZ};

// Keeps this process and its children on the CPU on which it is. Judge and engine always wait for each other: to wake
// one on another CPU takes many times as long as what it is woken for.
void stay_on_this_cpu() {
  cpu_set_t here;
  CPU_ZERO(&here);
  if (const int cpu = sched_getcpu(); cpu >= 0) {
    CPU_SET(cpu, &here);
    sched_setaffinity(0, sizeof here, &here);  // it only saves time
  }
}

// The words of the command that is to run the engine; none if nothing has to.
std::vector<std::string> runner() {
  const char* const command = std::getenv(kRunner);
  std::istringstream lines(command == nullptr ? "" : command);
  std::vector<std::string> words;
  for (std::string word; std::getline(lines, word);) words.push_back(word);
  return words;
}

// The engine's program lies beside this one.
std::string engine_path() {
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
  if (size < 0) std::_Exit(2);
  return std::string(self, static_cast<std::size_t>(size)) + "_engine";
}

// An engine that breaks the protocol is not asked again.
[[noreturn]] void end_for_rubbish() {
  std::fputs("the process with what you wrote has sent something that means nothing\n", stderr);
  std::fflush(nullptr);
  std::_Exit(1);
}

class Engine {
 public:
  Engine() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) std::_Exit(2);
    const std::string path = engine_path();
    const int ram = ram_file();
    stay_on_this_cpu();
    pid_ = fork();
    if (pid_ == 0) become(path, ends[1], ram);
    close(ends[1]);
    socket_ = ends[0];
    for (const int way : {SO_RCVTIMEO, SO_SNDTIMEO}) setsockopt(socket_, SOL_SOCKET, way, &kSilence, sizeof(kSilence));
  }

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  // Lets the engine end by itself: it may have to write down which lines have run.
  ~Engine() {
    close(socket_);
    farewell();
  }

  void send(const Message& message) const {
    if (apart::send(socket_, message)) return;
    if (errno != EAGAIN) end_as_it_did();
    end_for_silence();  // it speaks, perhaps, but no longer listens
  }

  Message receive() const {
    Message message;
    if (apart::receive(socket_, message)) return message;
    if (errno == EBADMSG) end_for_rubbish();
    if (errno != EAGAIN) end_as_it_did();
    end_for_silence();
  }

 private:
  [[noreturn]] static void become(const std::string& path, int socket, int ram) {
    const int far_socket = fcntl(socket, F_DUPFD, 10), far_ram = fcntl(ram, F_DUPFD, 10);
    if (dup2(far_socket, kSocket) < 0 || dup2(far_ram, kRam) < 0) std::_Exit(2);
    dup2(STDERR_FILENO, STDOUT_FILENO);  // what the tests say is on the other one
    close_range(kRam + 1, ~0u, 0);
    const rlimit cpu{kCpuSeconds, kCpuSeconds + 1};
    setrlimit(RLIMIT_CPU, &cpu);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::vector<std::string> words = runner();
    words.push_back(path);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    std::perror(arguments[0]);
    std::_Exit(2);
  }

  // What the engine printed last says why: nothing is printed after it. A signal that killed it kills this program.
  [[noreturn]] void end_as_it_did() const {
    const int status = farewell();
    std::fflush(stdout);
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) > 128) number = WEXITSTATUS(status) - 128;  // as a runner says it
    if (std::ranges::count(kPassedOn, number) > 0) end_by(number);
    if (number != 0) std::fprintf(stderr, "signal %d has ended the process with what you wrote\n", number);
    std::_Exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
  }

  // The engine has left the line, so it is about to end, and a runner says how. One that lives on is killed.
  int farewell() const {
    int status = 0;
    for (int waited = 0; waited < kFarewell; ++waited) {
      if (waitpid(pid_, &status, WNOHANG) == pid_) return status;
      usleep(1000);
    }
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
    return status;
  }

  [[noreturn]] void end_for_silence() const {
    kill(pid_, SIGKILL);
    end_by(SIGALRM);
  }

  [[noreturn]] static void end_by(int number) {
    signal(number, SIG_DFL);
    raise(number);
    std::_Exit(1);
  }

  pid_t pid_;
  int socket_;
};

// Notes how many owners a frame has, for the engine to see. False if it was never handed out.
bool note_owners(PhysAddr frame) {
  if (frame < kFirstOwned || frame >= kLastFrameEnd) return false;
  try {
    owners()[(frame - kFirstFrame) / kPageSize] = static_cast<std::uint8_t>(owners_of(frame));
  } catch (const CheckFailed&) {
    return false;
  }
  return true;
}

// Notes all anew: the tests take frames and give them back themselves as well. Of each zone the lowest frames are
// handed out first.
void note_all_owners() {
  std::ranges::fill(owners(), 0);
  PhysAddr frame = kFirstOwned;
  while (note_owners(frame)) frame = frame + kPageSize;
  if (frame < layout::kWindowEnd) frame = layout::kWindowEnd;
  while (note_owners(frame)) frame = frame + kPageSize;
}

// How many frames the engine believes to be in use.
std::uint64_t noted() {
  return owners().size() - static_cast<std::uint64_t>(std::ranges::count(owners(), 0));
}

// A text that the engine has sent may be anything.
void make_readable(std::span<char> text) {
  text.back() = 0;
  for (char& c : text) {
    if (c != 0 && (c < ' ' || c > '~')) c = '?';
  }
}

// Does what the engine asks for.
Message serve(const Message& request, Watch* watch) {
  const PhysAddr frame{request.values[0]};
  Message reply{.word = Word::kReply};
  switch (request.word) {
    case Word::kAllocate: {
      if (request.values[0] > static_cast<std::uint64_t>(Zone::kBeyond)) end_for_rubbish();
      auto owned = OwnedFrame::allocate(static_cast<Zone>(request.values[0]));
      if (owned) reply.values[0] = owned->release().start().raw();
      break;
    }
    case Word::kGiveBack: (void)OwnedFrame::adopt(Frame::containing(frame)); break;
    case Word::kShare: frames().lock()->share(Frame::containing(frame)); break;
    case Word::kTableWritten:
      if (watch != nullptr) watch->look();
      break;
    case Word::kFlushed: Arch::flush_page(VirtAddr{request.values[0]}); break;
    case Word::kFlushedAll: Arch::flush_all(); break;
    default: end_for_rubbish();
  }
  return reply;
}

}  // namespace

Message command(Message message, Watch* watch) {
  static Engine engine;
  message.is_watched = watch != nullptr;
  if (noted() != frame_counts().used) note_all_owners();
  engine.send(message);
  while (true) {
    Message said = engine.receive();
    make_readable(said.text);
    switch (said.word) {
      case Word::kDone:
      case Word::kFailed: return said;
      case Word::kCheckFailed: throw CheckFailed(said.text);
      case Word::kTodo: lab_todo(static_cast<int>(said.values[0]), said.text);
      default: break;
    }
    Message reply;
    try {
      reply = serve(said, watch);
    } catch (const CheckFailed& failed) {
      reply.word = Word::kCheckFailed;
      std::string_view(failed.what()).copy(reply.text, sizeof(reply.text) - 1);
    }
    if (said.word == Word::kAllocate && reply.values[0] != 0) note_owners(PhysAddr{reply.values[0]});
    if (said.word == Word::kGiveBack || said.word == Word::kShare) note_owners(PhysAddr{said.values[0]});
    engine.send(reply);
  }
}

}  // namespace apart
