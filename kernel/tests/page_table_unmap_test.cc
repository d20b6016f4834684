// Lab 3. unmap() and protect(): what they do, what they refuse, and what they give back.
#include <set>

#include "kernel/paging/stale_tlb.h"
#include "kernel/tests/page_table_model.h"

namespace {

// "ok", having spent the token; or the error's name.
std::string_view flush(Result<StaleTlb> result) {
  if (result) result->flush();
  return outcome(result);
}

using PageTableUnmap = PageTableTest;
INSTANTIATE_TEST_SUITE_P(, PageTableUnmap, kAllFormats, kByName);

TEST_P(PageTableUnmap, TakesOnePageAway) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(kVa, kPa, 3 * kPageSize, {})), "ok");
  EXPECT_EQ(flush(table.unmap(kVa + kPageSize)), "ok");
  EXPECT_EQ(look_up(table, kVa + kPageSize), std::nullopt);
  EXPECT_EQ(look_up(table, kVa).value().address, kPa);
  EXPECT_EQ(look_up(table, kVa + 2 * kPageSize).value().address, kPa + 2 * kPageSize);
  EXPECT_EQ(frame_counts().used, hardware.levels) << "the table is still needed";
  expect_sound(table);
}

TEST_P(PageTableUnmap, GivesEmptyTablesBackButNeverTheRoot) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    const Snapshot before = snapshot(table);
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, level)), "ok");
    EXPECT_EQ(flush(table.unmap(kBlockVa)), "ok");
    EXPECT_EQ(snapshot(table), before);
    EXPECT_EQ(frames().lock()->shares(Frame::containing(table.root())), 1u);
  }
}

// Two pages whose paths part at `level`: unmapping one gives back the tables below that level, and no other.
TEST_P(PageTableUnmap, KeepsTablesThatAreInUse) {
  for (unsigned level = 0; level < hardware.levels; ++level) {
    Table table = first_table(hardware);
    ASSERT_EQ(outcome(table.map(VirtAddr{0}, kPa, {})), "ok");
    const Snapshot before = snapshot(table);
    const VirtAddr other{hardware.level_size(level)};
    ASSERT_EQ(outcome(table.map(other, kPa, {})), "ok");
    EXPECT_EQ(frame_counts().used, before.frames_used + level);
    EXPECT_EQ(flush(table.unmap(other)), "ok");
    EXPECT_EQ(snapshot(table), before);
  }
}

// The CPU notes in entries that it has used them: what was written there is not all that is found there.
TEST_P(PageTableUnmap, TakesAwayWhatTheCpuHasUsed) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    const Snapshot before = snapshot(table);
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {.write = true}, level)), "ok");
    touch(hardware, table.root(), kBlockVa);
    EXPECT_EQ(flush(table.unmap(kBlockVa)), "ok");
    EXPECT_EQ(snapshot(table), before);
  }
}

TEST_P(PageTableUnmap, RefusesWhatIsNotMapped) {
  Table table = first_table(hardware);
  EXPECT_EQ(flush(table.unmap(kVa)), "not-mapped");
  ASSERT_EQ(outcome(table.map(kVa, kPa, {})), "ok");
  const Snapshot before = snapshot(table);
  EXPECT_EQ(flush(table.unmap(kVa + kPageSize)), "not-mapped");
  EXPECT_EQ(flush(table.unmap(kBlockVa)), "not-mapped");
  EXPECT_EQ(flush(table.protect(kVa - kPageSize, {})), "not-mapped");
  EXPECT_EQ(snapshot(table), before);
}

TEST_P(PageTableUnmap, RefusesAddressesThatDoNotTranslate) {
  Table table = first_table(hardware);
  map_edges(table);
  const Snapshot before = snapshot(table);
  for (const VirtAddr va : hardware.untranslatable) {
    EXPECT_EQ(flush(table.unmap(va)), "bad-address");
    EXPECT_EQ(flush(table.protect(va, {})), "bad-address");
  }
  EXPECT_EQ(snapshot(table), before);
}

TEST_P(PageTableUnmap, RefusesTheMiddleOfAPageOrBlock) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, level)), "ok");
    const Snapshot before = snapshot(table);
    for (const std::uint64_t offset : {std::uint64_t{8}, hardware.level_size(level) / 2}) {
      EXPECT_EQ(flush(table.unmap(kBlockVa + offset)), "misaligned");
      EXPECT_EQ(flush(table.protect(kBlockVa + offset, {})), "misaligned");
    }
    EXPECT_EQ(snapshot(table), before);
  }
}

TEST_P(PageTableUnmap, AFreedPlaceCanBeMappedAgain) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map(kBlockVa, kPa, {})), "ok");
  ASSERT_EQ(flush(table.unmap(kBlockVa)), "ok");
  EXPECT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, 1)), "ok") << "the table of pages must be gone";
  ASSERT_EQ(flush(table.unmap(kBlockVa)), "ok");
  EXPECT_EQ(outcome(table.map(kBlockVa + kPageSize, kPa, {})), "ok");
  expect_sound(table);
}

TEST_P(PageTableUnmap, TheTokenFlushesTheAddress) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(kVa, kPa, 2 * kPageSize, {})), "ok");
  ASSERT_EQ(flush(table.unmap(kVa)), "ok");
  EXPECT_EQ(host_cpu().flushed.back(), kVa);
  ASSERT_EQ(flush(table.protect(kVa + kPageSize, {.write = true})), "ok");
  EXPECT_EQ(host_cpu().flushed.back(), kVa + kPageSize);
}

// The CPU may have remembered a table that is cut out: its frame may not be free before the flush.
TEST_P(PageTableUnmap, FlushesBeforeATableIsGivenBack) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map(kVa, kPa, {})), "ok");
  std::vector<std::uint64_t> used_at_flush;
  const auto note = [&] { used_at_flush.push_back(frame_counts().used); };
  host_cpu().on_flush = [&](VirtAddr) { note(); };
  host_cpu().on_flush_all = note;
  EXPECT_EQ(flush(table.unmap(kVa)), "ok");
  ASSERT_FALSE(used_at_flush.empty());
  EXPECT_EQ(used_at_flush.front(), hardware.levels) << "a table was given back before any flush";
}

// protect() may write the new entry at once, or take the old one away first; then the CPU forgets it in between.
TEST_P(PageTableUnmap, TheWalkerMayLookAtAnyMoment) {
  Watch watch{hardware, first_root()};
  Table table(hardware, watch.root, &watch);
  ASSERT_EQ(outcome(table.map_range(kVa, kPa, 2 * kPageSize, {})), "ok");
  watch.changes = 0;
  unsigned changes_at_flush = 0;
  const auto note = [&] {
    if (watch.leaves.size() == 1) changes_at_flush = watch.changes;
  };
  host_cpu().on_flush = [&](VirtAddr va) {
    if (va == kVa) note();
  };
  host_cpu().on_flush_all = note;
  EXPECT_EQ(flush(table.protect(kVa, {.write = true, .global = true})), "ok");
  EXPECT_EQ(watch.changes, changes_at_flush + 1) << "the page must not vanish without a flush in between";
  watch.changes = 0;
  EXPECT_EQ(flush(table.unmap(kVa)), "ok");
  EXPECT_EQ(flush(table.unmap(kVa + kPageSize)), "ok");
  EXPECT_EQ(watch.changes, 2u);
  EXPECT_EQ(watch.leaves, std::vector<Leaf>{});
  EXPECT_EQ(watch.broken, std::vector<std::string>{});
  expect_sound(table);
}

TEST_P(PageTableUnmap, ProtectChangesTheFlagsAlone) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    const std::uint64_t size = hardware.level_size(level);
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, level)), "ok");
    for (unsigned i = 0; i < 32; ++i) {
      const PageFlags flags = flags_from_number(i);
      EXPECT_EQ(flush(table.protect(kBlockVa, flags)), "ok");
      EXPECT_EQ(look_up(table, kBlockVa), (Translation{kBlockPa, size, hardware.honoured(flags)}));
    }
    EXPECT_EQ(leaf_sizes(table), std::vector{size});
    expect_sound(table);
  }
}

TEST_P(PageTableUnmap, ProtectChangesWhatTheCpuHasUsed) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {.write = true}, level)), "ok");
    touch(hardware, table.root(), kBlockVa);
    EXPECT_EQ(flush(table.protect(kBlockVa, {})), "ok");
    EXPECT_EQ(look_up(table, kBlockVa), (Translation{kBlockPa, hardware.level_size(level), hardware.honoured({})}));
  }
}

TEST(StaleTlb, DroppedUnspentIsABug) {
  // The CHECK fails in a destructor, where an exception ends the program.
  EXPECT_DEATH({ const StaleTlb dropped(kVa); }, "spent_");
  EXPECT_DEATH(({
                 Table table = first_table(hardware_of(Format::kX86_64));
                 (void)table.map(kVa, kPa, {});
                 (void)table.unmap(kVa);
               }),
               "spent_");
}

TEST(StaleTlb, IsSpentByOneOfItsTwoWays) {
  switch_on();
  StaleTlb first(kVa);
  StaleTlb moved(std::move(first));
  moved.flush();
  EXPECT_EQ(host_cpu().flushed, std::vector{kVa});
  StaleTlb second(kVa);
  second.root_was_never_loaded();
  EXPECT_EQ(host_cpu().flushed.size(), 1u);
}

// A page table, its model, and chance that drives both.
class Comparison {
 public:
  Comparison(const Hardware& hardware, std::uint64_t seed)
      : hardware_(hardware), chance_(hardware, seed), half_(hardware.edges[seed % 2 == 0 ? 0 : 2]) {}

  void step() {
    switch (chance_.below(7)) {
      case 0: return map(static_cast<unsigned>(chance_.below(hardware_.largest_leaf + 1)));
      case 6: return use(a_leaf());
      case 1: return map(0);
      case 2: return protect(chance_.page(half_));
      case 3: return protect(a_leaf());
      case 4: return unmap(chance_.page(half_));
      default: return unmap(a_leaf());
    }
  }

  void compare_all() {
    for (const auto& [va, leaf] : model_.leaves()) EXPECT_EQ(look_up(table_, va), model_.lookup(va)) << history_;
    EXPECT_EQ(tree_of(table_).leaves.size(), model_.leaves().size()) << history_;
    EXPECT_EQ(frame_counts().used, tables_needed()) << history_;
    expect_sound(table_);
  }

  void unmap_all() {
    while (!model_.leaves().empty()) unmap(model_.leaves().begin()->first);
    EXPECT_EQ(frame_counts().used, 1u) << "frames were lost\n" << history_;
  }

 private:
  // Where some leaf begins; any page if there is none.
  VirtAddr a_leaf() {
    if (model_.leaves().empty()) return chance_.page(half_);
    return std::next(model_.leaves().begin(), static_cast<long>(chance_.below(model_.leaves().size())))->first;
  }

  std::string_view expected_for(VirtAddr va) const {
    const auto leaf = model_.find(va);
    return leaf == model_.end() ? "not-mapped" : leaf->first != va ? "misaligned" : "ok";
  }

  // The root, and each table on the way to a leaf.
  std::uint64_t tables_needed() const {
    std::set<std::pair<unsigned, std::uint64_t>> tables{{hardware_.levels - 1, 0}};
    for (const auto& [va, leaf] : model_.leaves()) {
      for (unsigned level = 0; level < hardware_.levels - 1; ++level) {
        if (leaf.size <= hardware_.level_size(level)) tables.emplace(level, va.raw() / hardware_.level_size(level + 1));
      }
    }
    return tables.size();
  }

  void map(unsigned level) {
    const std::uint64_t size = hardware_.level_size(level);
    const VirtAddr va{round_down(chance_.page(half_).raw(), size)};
    const PhysAddr pa = chance_.physical(size);
    const PageFlags flags = chance_.flags();
    // Now and then an allocation fails: then nothing may happen, and the model is not told of it.
    const bool is_free = model_.is_free(va, size);
    if (is_free) frames().lock()->fail_allocation(chance_.below(8));
    const auto result = table_.map(va, pa, flags, level);
    frames().lock()->fail_allocation(0);
    history_.add({"map", va, pa, level, outcome(result)});
    if (is_free && result == std::unexpected(Error::kNoMemory)) return compare(va);
    EXPECT_EQ(outcome(result), outcome(model_.map(va, pa, hardware_.honoured(flags), level))) << history_;
    compare(va);
  }

  void unmap(VirtAddr va) {
    const std::string_view expected = expected_for(va);
    history_.add({"unmap", va, {}, 0, expected});
    EXPECT_EQ(flush(table_.unmap(va)), expected) << history_;
    if (expected == "ok") model_.unmap(va);
    compare(va);
  }

  void protect(VirtAddr va) {
    const std::string_view expected = expected_for(va);
    const PageFlags flags = chance_.flags();
    history_.add({"protect", va, {}, 0, expected});
    EXPECT_EQ(flush(table_.protect(va, flags)), expected) << history_;
    if (expected == "ok") model_.protect(va, hardware_.honoured(flags));
    compare(va);
  }

  // The CPU uses what is there: it may note so in the entries.
  void use(VirtAddr va) {
    history_.add({"use", va, {}, 0, "ok"});
    touch(hardware_, table_.root(), va);
    compare(va);
  }

  void compare(VirtAddr va) { EXPECT_EQ(look_up(table_, va), model_.lookup(va)) << history_; }

  const Hardware& hardware_;
  Chance chance_;
  VirtAddr half_;
  Table table_ = first_table(hardware_);
  PageTableModel model_{hardware_};
  History history_;
};

TEST_P(PageTableUnmap, AgreesWithTheModel) {
  constexpr unsigned kRounds = 10, kSteps = 500;
  for (unsigned round = 0; round < kRounds; ++round) {
    Comparison comparison(hardware, seed_of(round));
    for (unsigned step = 0; step < kSteps; ++step) {
      comparison.step();
      if (HasFailure()) FAIL() << "in step " << step << " of round " << round;
      if (step % 50 == 0) comparison.compare_all();
    }
    comparison.compare_all();
    comparison.unmap_all();
    ASSERT_FALSE(HasFailure()) << "at the end of round " << round;
  }
}

}  // namespace
