// What only the embedded store promises: one owner, refusal of what it cannot trust, life on a full
// or forbidden disk, readers beside a writer in another process.

#include "store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/text.h"
#include "store/conformance_testing.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/schema.h"

namespace pawl::store {

namespace {

std::unique_ptr<Store> open_at(const std::string& directory, const std::string& owner = "") {
  auto store = open_sqlite({.directory = directory, .owner = owner});
  EXPECT_TRUE(store.ok()) << (store.ok() ? "" : store.error().message);
  return store.ok() ? std::move(*store) : nullptr;
}

Error refusal(const SqliteOptions& options) {
  auto store = open_sqlite(options);
  EXPECT_FALSE(store.ok()) << "opened what should be refused";
  return store.ok() ? Error{} : store.error();
}

void expect_says(const Error& error, Errc code, const std::string& words) {
  EXPECT_EQ(to_string(error.code), std::string(to_string(code))) << error.message;
  EXPECT_NE(error.message.find(words), std::string::npos) << error.message;
  EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
}

TEST(SqliteStore, MakesAPrivateDirectory) {
  TestDirectory dir;
  auto store = open_at(dir.file("a/b"));
  struct stat info {};
  ASSERT_EQ(::stat(dir.file("a/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat(dir.file("a/b/pawl.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0077, 0u);
  EXPECT_FALSE(file_exists(dir.file("a/b/pawl.db.new")));
}

TEST(SqliteStore, LogsFileAppearsWithTheFirstLine) {
  TestDirectory dir;
  auto store = open_at(dir.path());
  must_commit(*store, batch_of({new_run(1)}));
  EXPECT_FALSE(file_exists(dir.file("logs.db")));
  EXPECT_TRUE(store->read_logs({.run = RunId(1)})->empty());
  Batch batch;
  batch.logs = {log_chunk(1, 0, 1, 0, 1)};
  must_commit(*store, batch);
  EXPECT_TRUE(file_exists(dir.file("logs.db")));
}

TEST(SqliteStore, SecondWriterIsToldWhoTheFirstIs) {
  TestDirectory dir;
  EXPECT_FALSE(sqlite_owner(dir.path())->has_value());
  auto store = open_at(dir.path(), R"({"what":"pawl serve","socket":"/run/pawl.sock"})");
  auto owner = *sqlite_owner(dir.path());
  ASSERT_TRUE(owner.has_value());
  EXPECT_NE(owner->find("/run/pawl.sock"), std::string::npos);
  auto pid = str("pid ", getpid());
  auto refused = refusal({.directory = dir.path()});
  expect_says(refused, Errc::in_use, "pawl serve");
  expect_says(refused, Errc::in_use, pid);
  must_commit(*store, batch_of({new_run(1)}));  // the first one is not disturbed
  store.reset();
  EXPECT_FALSE(sqlite_owner(dir.path())->has_value());
  EXPECT_TRUE((*open_at(dir.path())->load_run(RunId(1))).has_value());
}

TEST(SqliteStore, LockOfADeadProcessIsTakenOver) {
  TestDirectory dir;
  auto child = fork();
  if (child == 0) {
    auto store = open_sqlite({.directory = dir.path(), .owner = R"({"what":"the dead"})"});
    if (store.ok() && (*store)->commit(batch_of({new_run(1)})).ok()) ::raise(SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(file_exists(dir.file("pawl.lock")));
  EXPECT_FALSE(sqlite_owner(dir.path())->has_value());
  auto store = open_at(dir.path());
  expect_image(*store, new_run(1));
}

TEST(SqliteStore, ReadsBesideALiveWriter) {
  TestDirectory dir;
  auto writer = open_at(dir.path());
  must_commit(*writer, batch_of({new_run(1)}));
  auto reader = open_sqlite({.directory = dir.path(), .read_only = true});
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  expect_image(**reader, new_run(1));
  must_commit(*writer, batch_of({new_run(2)}));
  expect_image(**reader, new_run(2));
  auto refused = (*reader)->commit(batch_of({new_run(3)}));
  ASSERT_FALSE(refused.ok());
  expect_says(refused.error(), Errc::unavailable, "reading only");
  EXPECT_FALSE((*reader)->purge(kTestStart, {}).ok());
  EXPECT_TRUE((*reader)->idle().ok());
  expect_sound(**reader);
  reader->reset();
  must_commit(*writer, batch_of({new_run(3)}));
}

TEST(SqliteStore, ReadOnlyNeedsAStore) {
  TestDirectory dir;
  expect_says(refusal({.directory = dir.file("nowhere"), .read_only = true}), Errc::not_found,
              "no such file");
  EXPECT_FALSE(file_exists(dir.file("nowhere")));
}

TEST(SqliteStore, NewerSchemaIsRefused) {
  TestDirectory dir;
  open_at(dir.path()).reset();
  auto change = [&](const char* sql) {
    auto db = sqlite::open_writer({.path = dir.file("pawl.db")}, sqlite::kMainSchema);
    ASSERT_TRUE(db.ok()) << db.error().message;
    ASSERT_TRUE((*db)->exec(sql).ok());
  };
  change("PRAGMA user_version = 99");
  expect_says(refusal({.directory = dir.path()}), Errc::newer_version, "upgrade Pawl");
  expect_says(refusal({.directory = dir.path(), .read_only = true}), Errc::newer_version, "99");
}

TEST(SqliteStore, ForeignDatabaseIsRefused) {
  TestDirectory dir;
  {
    auto db = sqlite::Db::open(dir.file("pawl.db"), sqlite::Db::Mode::create, nullptr);
    ASSERT_TRUE(db.ok() && (*db)->exec("CREATE TABLE theirs(x)").ok());
  }
  auto before = *read_file(dir.file("pawl.db"));
  EXPECT_EQ(refusal({.directory = dir.path()}).code, Errc::corrupt);
  EXPECT_TRUE(*read_file(dir.file("pawl.db")) == before) << "it was changed";
}

// Each step in its own transaction: a failing one leaves the version before it, whole.
TEST(SqliteStore, MigratesStepByStep) {
  TestDirectory dir;
  const char* steps[] = {"CREATE TABLE one(x) STRICT", "CREATE TABLE one(x INTEGER) STRICT",
                         "INSERT INTO one VALUES(3); CREATE TABLE broken(", "CREATE TABLE last(x)"};
  steps[0] = "CREATE TABLE one(x INTEGER) STRICT";
  steps[1] = "INSERT INTO one VALUES(2)";
  auto schema = [&](std::size_t n) {
    return sqlite::Schema{0x7a, std::span<const char* const>(steps, n)};
  };
  auto count = [&](sqlite::Db& db) { return *db.integer("SELECT count(*) FROM one"); };
  auto db = sqlite::Db::open(dir.file("x.db"), sqlite::Db::Mode::create, nullptr);
  ASSERT_TRUE(db.ok());
  ASSERT_TRUE(sqlite::migrate(**db, schema(1)).ok());
  EXPECT_EQ(*sqlite::schema_version(**db, schema(1)), 1);
  ASSERT_TRUE(sqlite::migrate(**db, schema(1)).ok());
  EXPECT_EQ(count(**db), 0);
  EXPECT_FALSE(sqlite::migrate(**db, schema(4)).ok());  // the third step is broken
  EXPECT_EQ(*sqlite::schema_version(**db, schema(4)), 2);
  EXPECT_EQ(count(**db), 1);  // nothing of the third step
  steps[2] = "INSERT INTO one VALUES(3)";
  ASSERT_TRUE(sqlite::migrate(**db, schema(4)).ok());
  EXPECT_EQ(*sqlite::schema_version(**db, schema(4)), 4);
  EXPECT_EQ(count(**db), 2);
  EXPECT_EQ(sqlite::schema_version(**db, schema(3)).error().code, Errc::newer_version);
}

// The disk fails at the n-th write while logs.db is made; the next start plays its journal back.
TEST(SqliteStore, AHalfMadeLogFileIsMendedAtTheNextStart) {
  for (int n = 1; n <= 6; ++n) {
    SCOPED_TRACE(n);
    TestDirectory dir;
    {
      auto store = open_at(dir.path());
      must_commit(*store, batch_of({new_run(1)}));
      ASSERT_TRUE(arm_failpoints(str("store.page.write:", n, ":fail"), "").ok());
      Batch lines;
      lines.logs = {log_chunk(1, 0, 1, 0, 3)};
      (void)store->commit(lines).ok();
      store.reset();
      ASSERT_TRUE(arm_failpoints("", "").ok());
    }
    auto store = open_at(dir.path());
    auto read = store->read_logs({.run = RunId(1)});
    EXPECT_TRUE(read.ok()) << read.error().message;
    expect_sound(*store);
  }
}

TEST(SqliteStore, UnwritableDirectoryIsRefused) {
  TestDirectory dir;
  open_at(dir.path()).reset();
  if (geteuid() == 0) {
    std::puts("SKIPPED: as root, permissions hold nobody back; a file in the way must do");
    ASSERT_TRUE(write_file_atomic(dir.file("plain"), "x").ok());
    EXPECT_EQ(refusal({.directory = dir.file("plain")}).code, Errc::io);
    return;
  }
  ASSERT_EQ(::chmod(dir.path().c_str(), 0500), 0);
  EXPECT_EQ(refusal({.directory = dir.path()}).code, Errc::io);
  ::chmod(dir.path().c_str(), 0700);
}

// -- Full disks
// --------------------------------------------------------------------------------------

class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path, const char* size) : path_(path) {
    mounted_ = ::mkdir(path.c_str(), 0700) == 0 &&
               ::mount("tmpfs", path.c_str(), "tmpfs", 0, str("size=", size).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  void fill() {
    UniqueFd fd(::open((path_ + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    std::string block(4096, 'x');
    while (::write(fd.get(), block.data(), block.size()) > 0) {
    }
  }
  void free() { ::unlink((path_ + "/filler").c_str()); }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST(SqliteStore, FullDiskCostsABatchNotTheStore) {
  TestDirectory dir;
  SmallDisk disk(dir.file("disk"), "24m");
  if (!disk.mounted()) {
    std::puts("SKIPPED: a small tmpfs needs root");
    GTEST_SKIP();
  }
  auto store = open_at(dir.file("disk/store"));
  EXPECT_TRUE(file_exists(dir.file("disk/store/reserve")));
  Random random(5);
  std::int64_t acknowledged = 0;
  for (int round = 0; round < 5; ++round) {
    disk.fill();
    Error error;
    for (int i = 0; i < 10'000 && error.message.empty(); ++i) {
      auto write = new_run(acknowledged + 1);
      write.state = random_bytes(random, 3000);
      auto done = store->commit(batch_of({write}));
      if (done.ok())
        ++acknowledged;
      else
        error = done.error();
    }
    expect_says(error, Errc::disk_full, "free some space");
    EXPECT_FALSE(file_exists(dir.file("disk/store/reserve")));
    // The reserve is given up: what is small and matters still fits, and reading works.
    must_commit(*store, batch_of({new_run(++acknowledged)}));
    EXPECT_TRUE((*store->load_run(RunId(acknowledged))).has_value());
    EXPECT_EQ(store->last_run_id()->value, acknowledged);
    disk.free();
    ASSERT_TRUE(store->idle().ok());
    must_commit(*store, batch_of({new_run(++acknowledged)}));
    if (round == 0) {
      EXPECT_TRUE(file_exists(dir.file("disk/store/reserve")));
    }
  }
  EXPECT_GE(acknowledged, 10);
  expect_sound(*store);
  store.reset();
  store = open_at(dir.file("disk/store"));
  for (std::int64_t id = 1; id <= acknowledged; ++id) {
    ASSERT_TRUE(store->load_run(RunId(id))->has_value()) << id;
  }
}

TEST(SqliteStore, FullLogDiskDoesNotStopRuns) {
  TestDirectory dir;
  SmallDisk disk(dir.file("disk"), "1m");
  if (!disk.mounted()) {
    std::puts("SKIPPED: a small tmpfs needs root");
    GTEST_SKIP();
  }
  ASSERT_EQ(::mkdir(dir.file("store").c_str(), 0700), 0);
  for (const char* name : {"logs.db", "logs.db-wal", "logs.db-shm"}) {
    ASSERT_EQ(
        ::symlink(dir.file(str("disk/", name)).c_str(), dir.file(str("store/", name)).c_str()), 0);
  }
  open_at(dir.path() + "/store-first").reset();
  ASSERT_EQ(std::rename(dir.file("store-first/pawl.db").c_str(), dir.file("store/pawl.db").c_str()),
            0);
  auto store = open_at(dir.file("store"));
  Random random(6);
  std::uint64_t line = 0, stored = 0;
  auto write = new_run(1);
  must_commit(*store, batch_of({write}));
  for (int i = 0; i < 40; ++i, ++line) {
    write = next_version(write);
    auto batch = batch_of({write});
    batch.logs = {log_chunk(1, 0, 1, line, 1)};
    batch.logs[0].lines[0].text = random_bytes(random, 60'000);
    if (i == 30) disk.fill();
    must_commit(*store, batch);  // state is never held up
  }
  EXPECT_EQ((*store->load_run(RunId(1)))->header.version, write.header.version);
  auto chunks = store->read_logs({.run = RunId(1)});
  ASSERT_TRUE(chunks.ok()) << chunks.error().message;
  bool told = false;
  for (const auto& chunk : *chunks) {
    for (const auto& l : chunk.lines) {
      told = told || l.text.find("log truncated") != std::string::npos;
      stored += l.text.size() == 60'000;
    }
  }
  EXPECT_TRUE(told);
  EXPECT_GT(stored, 0u);
  EXPECT_LT(stored, line);
}

}  // namespace

}  // namespace pawl::store
