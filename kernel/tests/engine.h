// The page-table engine for the format of a Table. Included by the files in which the functions of Table are, and by no
// test.
#pragma once

#include "arch/aarch64/paging.h"
#include "arch/i386/paging.h"
#include "arch/riscv64/paging.h"
#include "arch/x86_64/paging.h"
#include "kernel/paging/page_table.h"
#include "kernel/tests/table.h"
#include "kernel/tests/test_tables.h"

template <PagingFormat F>
auto engine_of(const Table& table) {
  using Tables = TestTables<typename F::Entry>;
  return PageTable<F, Tables>(table.root(), Tables(table.watch()));
}

// Calls `use` with the engine that works on the tables of `table`, and returns what it returns.
template <typename Use>
auto with_engine(const Table& table, Use use) {
  switch (table.hardware().format) {
    case Format::kX86_64: return use(engine_of<X86_64Paging>(table));
    case Format::kAarch64: return use(engine_of<Aarch64Paging>(table));
    case Format::kRiscv64: return use(engine_of<Sv39Paging>(table));
    case Format::kI386: break;
  }
  return use(engine_of<I386Paging>(table));
}

inline Translation translation_of(const Mapping& mapping) {
  return {mapping.address, mapping.size, mapping.flags};
}
