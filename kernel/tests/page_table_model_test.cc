// Random operations on the engine and on a model of it: both must always answer the same.
#include "kernel/tests/page_table_model.h"

namespace {

// A page table, its model, and chance that drives both.
class Comparison {
 public:
  Comparison(const Hardware& hardware, std::uint64_t seed)
      : hardware_(hardware), chance_(hardware, seed), half_(hardware.edges[seed % 2 == 0 ? 0 : 2]) {}

  void step() {
    switch (chance_.below(5)) {
      case 0: return map(0);
      case 1: return map(static_cast<unsigned>(chance_.below(hardware_.largest_leaf + 1)));
      case 2: return map_range();
      default: return compare(chance_.page(half_) + chance_.below(kPageSize));
    }
  }

  // Each mapped leaf, and as many other places.
  void compare_all() {
    std::vector<VirtAddr> places;
    for (const auto& [va, leaf] : model_.leaves()) {
      places.insert(places.end(), {va, va + (leaf.size - 1), chance_.page(half_)});
    }
    const auto found = look_up_all(table_, places);
    for (std::size_t each = 0; each < places.size(); ++each) {
      EXPECT_EQ(found[each], model_.lookup(places[each])) << history_;
    }
    expect_sound(table_);
    EXPECT_EQ(tree_of(table_).leaves.size(), model_.leaves().size()) << history_;
  }

 private:
  void map(unsigned level) {
    const std::uint64_t size = hardware_.level_size(level);
    const VirtAddr va{round_down(chance_.page(half_).raw(), size)};
    const PhysAddr pa = chance_.physical(size);
    const PageFlags flags = chance_.flags();
    const auto expected = outcome(model_.map(va, pa, hardware_.honoured(flags), level));
    history_.add({"map", va, pa, level, expected});
    EXPECT_EQ(outcome(table_.map(va, pa, flags, level)), expected) << history_;
    compare(va);
  }

  // Up to two blocks and six pages, from and to addresses that permit such a block somewhere on the way.
  void map_range() {
    const std::uint64_t block = hardware_.level_size(static_cast<unsigned>(chance_.below(hardware_.largest_leaf + 1)));
    const VirtAddr va = chance_.page(half_);
    const PhysAddr pa = chance_.physical(block) + va.raw() % block;
    const std::uint64_t wanted = block * chance_.below(3) + kPageSize * chance_.below(6);
    const std::uint64_t size = std::min(wanted, chance_.half_size() - (va - half_));
    const PageFlags flags = chance_.flags();
    const auto expected = outcome(model_.map_range(va, pa, size, hardware_.honoured(flags)));
    history_.add({"map_range", va, pa, size, expected});
    EXPECT_EQ(outcome(table_.map_range(va, pa, size, flags)), expected) << history_;
    if (size > 0) compare(va + (size - 1));
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

using PageTableMapModel = PageTableTest;
INSTANTIATE_TEST_SUITE_P(, PageTableMapModel, kAllFormats, kByName);

TEST_P(PageTableMapModel, AgreesWithTheEngine) {
  constexpr unsigned kRounds = 20, kSteps = 200;
  for (unsigned round = 0; round < kRounds; ++round) {
    Comparison comparison(hardware, seed_of(round));
    for (unsigned step = 0; step < kSteps; ++step) {
      comparison.step();
      if (HasFailure()) FAIL() << "in step " << step << " of round " << round;
    }
    comparison.compare_all();
    ASSERT_FALSE(HasFailure()) << "at the end of round " << round;
  }
}

}  // namespace
