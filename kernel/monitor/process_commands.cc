// Commands about processes: run, start, wait, ps, kill, programs, trace, timer.
#include "kernel/base/print.h"
#include "kernel/monitor/monitor.h"
#include "kernel/process/end.h"
#include "kernel/process/keyboard.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/trace.h"
#include "kernel/program/archive.h"
#include "kernel/program/elf.h"
#include "kernel/program/program.h"

namespace {

void tell(const Process& process) {
  Fact fact("process");
  fact.field("pid", process.pid).field("parent", process.parent->pid).field("state", name(process.state));
  if (process.space) fact.field("root", process.space->root());
  fact.field("stack", process.stack_top).field("program", process.name_text());
}

// Tells how a child of the monitor ended.
void tell_end(unsigned pid, int status) {
  const auto bits = static_cast<unsigned>(status);
  Fact("exit").field("pid", pid).field("status", bits >> 8).field("signal", bits & 0x7f);
}

// Takes note of all children that have ended.
void reap_children() {
  for (Process& process : processes()) {
    if (process.state != ProcessState::kZombie || process.parent != &current()) continue;
    const unsigned pid = process.pid;
    tell_end(pid, reap(process));
  }
}

// Lets the programs run for a while, until one of them ends or an interrupt finds none that wants to.
void let_run() {
  wait_for_child();
  obey_keyboard();
  reap_children();
}

bool has_processes() {
  for (const Process& process : processes()) {
    if (process.state != ProcessState::kFree && &process != &current()) return true;
  }
  return false;
}

Result<Process*> start_program_of(const Arguments& arguments) {
  ArgumentList list;
  for (unsigned i = 1; i < arguments.count(); ++i) TRY(list.add(arguments.word(i)));
  return start_program(current(), arguments.word(1), list);
}

// Starts the program that the command names, and says so; or says why not.
Process* start_named(const Arguments& arguments) {
  const auto started = start_program_of(arguments);
  if (started) {
    tell(**started);
    return *started;
  }
  Fact fact("run");
  fact.field("program", arguments.word(1)).field("result", name(started.error()));
  if (started.error() == Error::kNotExecutable) {
    const auto file = find_file(program_archive(), arguments.word(1));
    fact.field("why", name(parse_executable(*file, UserMode::kElfMachine).error()));
  }
  return nullptr;
}

void start(const Arguments& arguments) {
  start_named(arguments);
}

void run(const Arguments& arguments) {
  const Process* process = start_named(arguments);
  if (process == nullptr) return;
  const unsigned pid = process->pid;
  while (find_process(pid) != nullptr) let_run();
}

void wait(const Arguments&) {
  reap_children();
  while (has_processes()) let_run();
  Fact("wait").flag("done", true);
}

void list_processes(const Arguments&) {
  for (const Process& process : processes()) {
    if (process.state != ProcessState::kFree) tell(process);
  }
}

void kill(const Arguments& arguments) {
  const auto pid = arguments.number(1);
  if (!pid) return report_misuse("kill", "bad-number");
  Process* process = *pid == 0 || *pid > kLargestPid ? nullptr : find_process(static_cast<unsigned>(*pid));
  if (process == nullptr || process->state == ProcessState::kZombie) return report_misuse("kill", "no-such-process");
  end_other(*process, killed_status(Signal::kKill));
  reap_children();
}

void list_programs(const Arguments&) {
  ArchiveReader reader(program_archive());
  while (const auto file = reader.next()) Fact("program").field("name", file->name).field("size", file->content.size());
}

void trace(const Arguments& arguments) {
  const auto count = arguments.number(2);
  if (arguments.word(1) != "ticks") return report_misuse("trace", "unknown-event");
  if (!count || *count > ~0u) return report_misuse("trace", "bad-number");
  trace_ticks(static_cast<unsigned>(*count));
}

void set_timer(const Arguments& arguments) {
  constexpr unsigned kLongest = 4'000'000;  // the timer's counter has 32 bits
  const auto microseconds = arguments.number(1);
  if (!microseconds || *microseconds == 0 || *microseconds > kLongest) return report_misuse("timer", "bad-number");
  Arch::start_timer(static_cast<unsigned>(*microseconds));
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"run", "PROGRAM [ARGUMENT]...", "starts a program and waits for its end", 1, run},
    {"start", "PROGRAM [ARGUMENT]...", "starts a program, which runs while the monitor waits", 1, start},
    {"wait", "", "waits for the end of all programs", 0, wait},
    {"ps", "", "lists the processes", 0, list_processes},
    {"kill", "PID", "ends a process", 1, kill},
    {"programs", "", "lists the programs that can be run", 0, list_programs},
    {"trace", "ticks N", "prints the next N timer interrupts that programs meet", 2, trace},
    {"timer", "MICROSECONDS", "how often the timer interrupts", 1, set_timer},
};

}  // namespace
