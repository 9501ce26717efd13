// What the spool gives back of a job, also where the disk did not keep it.
#include "worker/job.h"

#include <gtest/gtest.h>

#include "base/fs.h"
#include "base/fs_testing.h"
#include "base/text.h"
#include "worker/wire.h"

namespace pawl::worker {
namespace {

constexpr Time kNow{Duration{1'700'000'000'000'000}};

std::string saved_job(const std::string& dir) {
  actions::ProcessSpec spec;
  spec.fence = {RunId(7), 3, 2, 11};
  Job job(1, std::move(spec));
  for (int i = 0; i < 3; ++i)
    job.add_output(core::Stream::out, str("line ", i, "\n"), kNow);
  job.ended = true;
  EXPECT_TRUE(job.save(dir).ok());
  return job.file_name();
}

// The texts of its lines, as a new engine is given them.
std::vector<std::string> lines_of(Job& job) {
  std::string sent;
  while (job.pump(sent, std::size_t{1} << 20)) {
  }
  std::vector<std::string> out;
  std::uint64_t next = 0;
  std::string_view rest(sent);
  while (rest.size() > 4) {
    Reader frame(rest);
    const auto size = frame.u32();
    Reader r(rest.substr(4, size));
    rest.remove_prefix(4 + size);
    if (static_cast<Msg>(r.u8()) != Msg::output) continue;
    r.varint();
    EXPECT_EQ(r.varint(), next);
    next += r.varint();
    Reader lines(r.bytes());
    while (!lines.at_end()) {
      lines.u8();
      lines.varint();
      out.emplace_back(lines.bytes());
    }
  }
  EXPECT_EQ(out.size(), next);
  return out;
}

TEST(JobSpool, GivesBackWhatItWasGiven) {
  TempDir dir;
  auto job = Job::load(dir.path(), saved_job(dir.path()));
  ASSERT_TRUE(job.ok()) << job.error().message;
  EXPECT_EQ(lines_of(**job), (std::vector<std::string>{"line 0", "line 1", "line 2"}));
}

TEST(JobSpool, SaysWhichLinesAreDamagedAndMakesNoneUp) {
  TempDir dir;
  const auto name = saved_job(dir.path());
  const auto path = str(dir.path(), '/', name, ".out");
  auto bytes = *read_file(path);
  bytes[bytes.find("line 1") + 5] = '9';
  ASSERT_TRUE(write_file_atomic(path, bytes).ok());
  auto job = Job::load(dir.path(), name);
  ASSERT_TRUE(job.ok());
  const std::string damaged = "log damaged: 1 lines could not be read back from the spool";
  EXPECT_EQ(lines_of(**job), (std::vector<std::string>{"line 0", damaged, "line 2"}));
}

}  // namespace
}  // namespace pawl::worker
