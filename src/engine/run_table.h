#pragma once
// RunTable: run id -> Entry, for a million open runs.
//
// Open addressing with the id itself as the hash: ids are handed out one after the other, so that
// runs which are worked on together lie together. Entries live in a pool and keep their address
// until they are erased. Robin Hood order (nobody stands further from home than who comes after
// could bear) lets a search and an erasure end early, also in the long runs of neighbours that such
// ids make. A slot is 16 bytes; the table is at most 3/4 full.

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/ids.h"

namespace pawl::engine {

template <typename Entry>
class RunTable {
 public:
  RunTable() : slots_(64) {}

  Entry* find(RunId id) const {
    std::size_t i = seek(id);
    return i == kNowhere ? nullptr : slots_[i].entry;
  }

  // The entry, made where there is none. `fresh` tells which.
  Entry& get(RunId id, bool& fresh) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    fresh = false;
    if (std::size_t i = seek(id); i != kNowhere) return *slots_[i].entry;
    fresh = true;
    Entry* entry;
    if (free_.empty()) {
      entry = &pool_.emplace_back();
    } else {
      entry = free_.back();
      free_.pop_back();
    }
    place({id, entry});
    ++size_;
    return *entry;
  }
  Entry& operator[](RunId id) {
    bool fresh;
    return get(id, fresh);
  }
  // REQUIRES: it is there.
  Entry& at(RunId id) const {
    Entry* entry = find(id);
    PAWL_ASSERT(entry);
    return *entry;
  }

  void erase(RunId id) {
    std::size_t i = seek(id);
    if (i == kNowhere) return;
    *slots_[i].entry = Entry();
    free_.push_back(slots_[i].entry);
    --size_;
    // Who stands behind the gap and away from home moves up; the first at home ends it.
    for (std::size_t j = next(i); slots_[j].entry != nullptr && distance(j) > 0; j = next(j)) {
      slots_[i] = slots_[j];
      i = j;
    }
    slots_[i] = {};
  }

  std::size_t size() const { return size_; }

  // visit(id, entry) for each, in no order. It must neither insert nor erase.
  template <typename F>
  void for_each(F visit) const {
    for (const Slot& s : slots_) {
      if (s.entry != nullptr) visit(s.id, *s.entry);
    }
  }

 private:
  static constexpr std::size_t kNowhere = ~std::size_t{0};
  struct Slot {
    RunId id;
    Entry* entry = nullptr;
  };
  std::size_t home(RunId id) const {
    return static_cast<std::size_t>(id.value) & (slots_.size() - 1);
  }
  std::size_t next(std::size_t i) const { return (i + 1) & (slots_.size() - 1); }
  // How far the entry in slot i stands from its home.
  std::size_t distance(std::size_t i) const {
    return (i - home(slots_[i].id)) & (slots_.size() - 1);
  }
  std::size_t seek(RunId id) const {
    std::size_t far = 0;
    for (std::size_t i = home(id); slots_[i].entry != nullptr; i = next(i), ++far) {
      if (slots_[i].id == id) return i;
      if (distance(i) < far) break;
    }
    return kNowhere;
  }
  void place(Slot s) {
    std::size_t far = 0;
    for (std::size_t i = home(s.id);; i = next(i), ++far) {
      if (slots_[i].entry == nullptr) {
        slots_[i] = s;
        return;
      }
      if (std::size_t there = distance(i); there < far) {
        std::swap(slots_[i], s);
        far = there;
      }
    }
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& s : old) {
      if (s.entry != nullptr) place(s);
    }
  }

  std::vector<Slot> slots_;
  std::deque<Entry> pool_;
  std::vector<Entry*> free_;
  std::size_t size_ = 0;
};

}  // namespace pawl::engine
