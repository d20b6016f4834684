// The shell: shows a prompt, reads a line, and runs the program that it names, in a child that it waits for. `help`
// says what else it can do.
#include <cstddef>
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "user/lib/line.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/string.h"
#include "user/lib/system_calls.h"

namespace {

using namespace error_numbers;

constexpr std::size_t kMostWords = 16;  // as many arguments as the kernel takes

// Exit statuses of a child that could not become the program, and has said why; all shells use these.
constexpr int kCannotRun = 126, kNotFound = 127;
constexpr int kKilled = 128;  // and the signal: how $? tells that a program was killed

struct Command {
  const char* words[kMostWords + 1];  // a null pointer after the last
  std::size_t count = 0;
  bool is_in_background = false;
};

// What $? stands for: how the last command ended.
constinit int g_status = 0;
constinit char g_status_text[4] = "0";

void set_status(int status) {
  g_status = status & 0xff;
  char* to = g_status_text;
  for (int unit = 100; unit > 0; unit /= 10) {
    if (g_status >= unit || unit == 1) *to++ = static_cast<char>('0' + g_status / unit % 10);
  }
  *to = 0;
}

// --- from a line to words ---

bool is_blank(char c) {
  return c == ' ';
}

// Takes an & at the end of the line away. Whether there was one.
bool take_ampersand(char* line) {
  std::size_t end = strlen(line);
  while (end > 0 && is_blank(line[end - 1])) --end;
  if (end == 0 || line[end - 1] != '&') return false;
  line[end - 1] = 0;
  return true;
}

// Splits the line at its blanks; the words stay where they are. Whether there is room for all of them.
bool split(char* line, Command& command) {
  command.is_in_background = take_ampersand(line);
  for (;;) {
    while (is_blank(*line)) *line++ = 0;
    command.words[command.count] = nullptr;
    if (*line == 0) return true;
    if (command.count == kMostWords) return false;
    command.words[command.count++] = line;
    while (*line != 0 && !is_blank(*line)) ++line;
  }
}

void put_status_in(Command& command) {
  for (std::size_t i = 0; i < command.count; ++i) {
    if (strcmp(command.words[i], "$?") == 0) command.words[i] = g_status_text;
  }
}

// --- how a child ended ---

const char* name_of_signal(int signal) {
  switch (signal) {
    case 2: return "interrupted";
    case 4: return "killed: illegal instruction";
    case 5: return "killed: trap";
    case 7: return "killed: bus error";
    case 8: return "killed: arithmetic error";
    case 9: return "killed";
    case 11: return "killed: segmentation fault";
    default: return "killed by a signal";
  }
}

void tell_end_in_foreground(int status) {
  const int signal = signal_of(status), code = exit_code_of(status);
  set_status(signal != 0 ? kKilled + signal : code);
  if (signal != 0) {
    printf("[%s]\n", name_of_signal(signal));
  } else if (code != 0 && code != kCannotRun && code != kNotFound) {
    printf("[exit status %d]\n", code);
  }
}

void tell_end_in_background(std::int64_t pid, int status) {
  if (signal_of(status) != 0) {
    printf("[process %ld: %s]\n", pid, name_of_signal(signal_of(status)));
  } else {
    printf("[process %ld: exit status %d]\n", pid, exit_code_of(status));
  }
}

// Takes note of children in the background that have ended; with option 0 waits until all have.
void reap_children(std::uint64_t options) {
  int status = 0;
  for (std::int64_t pid = wait4(-1, &status, options); pid > 0; pid = wait4(-1, &status, options)) {
    tell_end_in_background(pid, status);
  }
}

// --- programs ---

const char* reason(std::int64_t error) {
  switch (-error) {
    case kENOEXEC: return "it is no program for this machine";
    case kE2BIG: return "its name or its arguments are too long";
    case kENOMEM: return "no memory is left";
    case kEAGAIN: return "there are too many processes";
    default: return "the kernel refuses";
  }
}

// In the child: turns it into the program.
[[noreturn]] void become(const Command& command) {
  const char* const program = command.words[0];
  const std::int64_t error = execve(program, command.words);
  if (error == -kENOENT) {
    printf("sh: no program called %s; `ls` lists them\n", program);
    exit(kNotFound);
  }
  printf("sh: cannot run %s: %s\n", program, reason(error));
  exit(kCannotRun);
}

void run_program(const Command& command) {
  const std::int64_t child = fork();
  if (child == 0) become(command);
  if (child < 0) {
    printf("sh: cannot fork: %s\n", reason(child));
    set_status(kCannotRun);
  } else if (command.is_in_background) {
    printf("[process %ld: %s]\n", child, command.words[0]);
    set_status(0);
  } else {
    int status = 0;
    if (wait4(child, &status) == child) tell_end_in_foreground(status);
  }
}

// --- what the shell does itself ---

void help(const Command&) {
  puts("PROGRAM [ARGUMENT]...   runs a program; `ls` lists them");
  puts("PROGRAM [ARGUMENT]... & runs it in the background");
  puts("wait                    waits for all programs in the background");
  puts("exit [STATUS]           ends the shell; so does Ctrl-D");
  puts("help                    says this");
  puts("The word $? is the status of the last command. Backspace takes a character back, Ctrl-U the line.");
  puts("Ctrl-C ends the programs that run, also in the background; Ctrl-\\ ends the shells as well.");
  set_status(0);
}

void wait_for_all(const Command&) {
  reap_children(0);
  set_status(0);
}

void leave(const Command& command) {
  if (command.count == 1) exit(g_status);
  char* end = nullptr;
  const auto status = static_cast<int>(strtoul(command.words[1], &end, 10));
  if (command.count == 2 && *command.words[1] != 0 && *end == 0) exit(status);
  puts("sh: exit takes one number");
  set_status(2);
}

constexpr struct {
  const char* name;
  void (*run)(const Command&);
} kBuiltIn[] = {{"exit", leave}, {"help", help}, {"wait", wait_for_all}};

void carry_out(const Command& command) {
  for (const auto& built_in : kBuiltIn) {
    if (strcmp(command.words[0], built_in.name) == 0) return built_in.run(command);
  }
  run_program(command);
}

void obey(char* line) {
  Command command;
  if (!split(line, command)) {
    printf("sh: that is more than %lu words\n", kMostWords);
    set_status(2);
  } else if (command.count > 0) {
    put_status_in(command);
    carry_out(command);
  }
}

}  // namespace

int main() {
  ignore_interrupt(true);
  puts("This is the shell. Type help; exit leads back to where it was started.");
  constinit static Line line;
  for (;;) {
    reap_children(kWaitNoHang);
    printf("$ ");
    switch (line.read()) {
      case Typed::kLine: obey(line.text()); break;
      case Typed::kInterrupt: set_status(kKilled + 2); break;
      case Typed::kEnd: return g_status;
      case Typed::kTooLong: printf("sh: that line is longer than %lu characters\n", Line::kLongest); set_status(2);
    }
  }
}
