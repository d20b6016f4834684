// Lab 5. A cursor for all formats, with map() and lookup().
#include "kernel/tests/map_engine.cc"

#include "kernel/paging/page_table_cursor.h"

void Table::go_over(VirtAddr start, VirtAddr end, const std::function<Deed(const Found&)>& visit) {
  with_engine(*this, [&]<typename Engine>(Engine engine) {
    typename Engine::Cursor cursor(engine, start, end);
    while (cursor.next()) {
      const Deed deed = visit({cursor.start(), translation_of(cursor.mapping())});
      switch (deed.what) {
        case Deed::kNothing: break;
        case Deed::kUnmap: cursor.unmap().flush(); break;
        case Deed::kProtect: cursor.protect(deed.flags).flush(); break;
        case Deed::kStop: return;
      }
    }
  });
}
