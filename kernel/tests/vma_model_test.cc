// Lab 5. Random operations on a list of areas and on a model of it: both must always hold the same.
#include <algorithm>
#include <deque>
#include <random>
#include <sstream>

#include "kernel/tests/seed.h"
#include "kernel/tests/vma_model.h"

namespace {

// A list, its model, and chance that drives both. All happens in the first `pages` pages: with few of them the
// operations meet all the time, with many the list gets full, and stays so if no operation is large.
class VmaComparison {
 public:
  VmaComparison(std::uint64_t seed, std::uint64_t pages, bool has_large)
      : random_(seed), pages_(pages), has_large_(has_large), model_(pages) {}

  void step() {
    choose_range();
    switch (below(8)) {
      case 0:
      case 1:
      case 2: insert(); break;
      case 3: remove(); break;
      case 4:
      case 5: protect(); break;
      case 6: compare_gap(); break;
      default: compare_find(start_ + below(kPageSize)); break;
    }
    EXPECT_EQ(areas_of(list_), model_.areas()) << history();
  }

  // How often the list was full.
  unsigned full() const { return full_; }

 private:
  std::uint64_t below(std::uint64_t count) { return random_() % count; }

  // Mostly small, or the list would soon be one area.
  void choose_range() {
    const std::uint64_t first = below(pages_);
    const std::uint64_t most =
        has_large_ && below(8) == 0 ? pages_ - first : std::min<std::uint64_t>(pages_ - first, 5);
    start_ = at(first);
    end_ = at(first + 1 + below(most));
  }

  Protection protection() {
    const Protection all[] = {kNothing, kRead, kReadWrite, kReadExecute};
    return all[below(std::size(all))];
  }

  void insert() {
    const VmaKind kind = below(3) == 0 ? VmaKind::kHeap : VmaKind::kAnonymous;
    const Vma area{start_, end_, protection(), kind};
    const auto result = note("insert", list_.insert(area));
    VmaModel after = model_;
    after.insert(area);
    const bool is_taken = model_.has_page(start_, end_), is_too_much = after.areas().size() > VmaList::kMost;
    full_ += !is_taken && is_too_much;
    EXPECT_EQ(result, is_taken ? "already-mapped" : is_too_much ? "too-many-areas" : "ok") << history();
    if (result == "ok") model_ = after;
  }

  void remove() {
    VmaModel after = model_;
    after.remove(start_, end_);
    const bool is_possible = after.areas().size() <= VmaList::kMost;
    full_ += !is_possible;
    EXPECT_EQ(note("remove", list_.remove(start_, end_)), is_possible ? "ok" : "too-many-areas") << history();
    if (is_possible) model_ = after;
  }

  // Whether a list that is nearly full is changed depends on whether borders are made first and merged later: both are
  // right, if "too-many-areas" is said when nothing has changed.
  void protect() {
    const Protection wanted = protection();
    const std::size_t before = list_.all().size();
    const auto result = note("protect", list_.protect(start_, end_, wanted));
    if (!model_.has_all_pages(start_, end_)) {
      EXPECT_EQ(result, "no-area") << history();
      return;
    }
    VmaModel after = model_;
    after.protect(start_, end_, wanted);
    const bool may_fail = before + 2 > VmaList::kMost, must_fail = after.areas().size() > VmaList::kMost;
    full_ += must_fail;  // and not those that may: how often the list is full must not depend on how it is written
    EXPECT_TRUE(result == "ok" ? !must_fail : may_fail && result == "too-many-areas") << result << history();
    if (result == "ok") model_ = after;
  }

  void compare_gap() {
    const std::uint64_t count = (end_ - start_) / kPageSize;
    EXPECT_EQ(list_.find_gap(start_, end_ - start_).value(), model_.find_gap(start_, count)) << history();
  }

  void compare_find(VirtAddr va) {
    const Areas areas = model_.areas();
    const auto next = std::ranges::find_if(areas, [&](const Vma& area) { return va < area.end; });
    const Vma* from = list_.find_from(va);
    const Vma* exact = list_.find(va);
    const bool is_in = next != areas.end() && next->start <= va;
    EXPECT_EQ(found(from), next == areas.end() ? "nothing" : testing::PrintToString(*next)) << va.raw() << history();
    EXPECT_EQ(found(exact), is_in ? testing::PrintToString(*next) : "nothing") << va.raw() << history();
  }

  template <typename T>
  std::string_view note(const char* operation, const Result<T>& result) {
    history_.push_back({operation, start_, end_, outcome(result)});
    if (history_.size() > 12) history_.pop_front();
    return outcome(result);
  }

  static std::string found(const Vma* area) { return area == nullptr ? "nothing" : testing::PrintToString(*area); }

  std::string history() const {
    std::ostringstream all;
    all << "\nThe last operations were\n";
    for (const Operation& each : history_) {
      all << "  " << each.name << " [" << testing::PrintToString(each.start) << ", " << testing::PrintToString(each.end)
          << "): " << each.outcome << "\n";
    }
    return all.str();
  }

  struct Operation {
    const char* name;
    VirtAddr start, end;
    std::string_view outcome;
  };

  std::mt19937_64 random_;
  std::uint64_t pages_;
  bool has_large_;
  VmaList list_;
  VmaModel model_;
  VirtAddr start_, end_;  // of this step's operation
  unsigned full_ = 0;
  std::deque<Operation> history_;
};

// Returns how often the list was full.
unsigned compare(std::uint64_t pages, unsigned rounds, unsigned steps, bool has_large = true) {
  unsigned full = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    VmaComparison comparison(seed_of(round), pages, has_large);
    for (unsigned step = 0; step < steps; ++step) {
      comparison.step();
      if (testing::Test::HasFailure()) {
        ADD_FAILURE() << "in step " << step << " of round " << round;
        return full;
      }
    }
    full += comparison.full();
  }
  return full;
}

TEST(VmaModel, AgreesInFewPages) {
  compare(12, 40, 500);
}

TEST(VmaModel, AgreesInMorePages) {
  compare(64, 20, 500);
}

TEST(VmaModel, AgreesWhenTheListIsOftenFull) {
  EXPECT_GT(compare(1600, 2, 1500, false), 40u) << "or this shows little";
}

}  // namespace
