#include "manufacturing/per_sensor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/trace.h"

namespace manufacturing {

using pawl::Code;
using pawl::Result;
using pawl::Status;
using pawl::Value;

namespace {

constexpr std::size_t kOutBytes = 256u << 10;

// How far an attempt came.
struct Progress {
  std::size_t sensors = 0;
  std::uint64_t bytes = 0;
  Value totals = Value::object();
};

class Lines {
 public:
  Lines(pawl::Step& step, const ColumnFile& file, const PerSensor& what)
      : step_(step), file_(file), what_(what), part_(what.path + ".part") {}

  Result<Value> run() {
    if (auto s = open(); !s.ok()) return s;
    const auto& sensors = file_.sensors();
    std::uint64_t since = 0;
    while (done_.sensors < sensors.size()) {
      if (step_.stopped()) return Status(Code::unavailable, "stopped");
      const Sensor& sensor = sensors[done_.sensors];
      auto line = what_.line(sensor);
      if (!line.ok()) return line.status();
      what_.add(*line, done_.totals);
      ++done_.sensors;
      since += sensor.values.present;
      if (auto s = put(line->json()); !s.ok()) return s;
      apps::trace(step_.name(), sensor.name);
      if (since < what_.checkpoint_readings) continue;
      since = 0;
      if (auto s = save(); !s.ok()) return s;
    }
    if (auto s = put(done_.totals.json()); !s.ok()) return s;
    if (auto s = flush(); !s.ok()) return s;
    if (auto s = publish(fd_.get(), part_, what_.path); !s.ok()) return s;
    return done_.totals;
  }

 private:
  Status open() {
    fd_ = Fd(::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!fd_.ok()) return file_error("writing", part_);
    const Value saved = step_.checkpoint();
    struct stat st;
    if (::fstat(fd_.get(), &st) != 0) return file_error("reading", part_);
    const auto bytes = saved.get("bytes").as_integer(), sensors = saved.get("sensors").as_integer();
    const bool there = bytes > 0 && sensors > 0 && st.st_size >= bytes &&
                       static_cast<std::size_t>(sensors) <= file_.sensors().size();
    if (there) {
      done_ = {static_cast<std::size_t>(sensors), static_cast<std::uint64_t>(bytes),
               saved.get("totals")};
      step_.log("going on behind " + std::to_string(sensors) + " sensors");
    }
    const auto end = static_cast<off_t>(done_.bytes);
    if (::ftruncate(fd_.get(), end) != 0 || ::lseek(fd_.get(), end, SEEK_SET) != end)
      return file_error("writing", part_);
    return {};
  }

  Status put(const std::string& line) {
    out_ += line;
    out_ += '\n';
    done_.bytes += line.size() + 1;
    step_.progress(static_cast<double>(done_.sensors), static_cast<double>(file_.sensors().size()),
                   "sensors");
    return out_.size() < kOutBytes ? Status() : flush();
  }

  Status flush() {
    auto s = write_all(fd_.get(), out_, part_);
    out_.clear();
    return s;
  }

  Status save() {
    if (auto s = flush(); !s.ok()) return s;
    if (::fdatasync(fd_.get()) != 0) return file_error("writing", part_);
    auto s = step_.save(Value::object(
        {{"sensors", done_.sensors}, {"bytes", done_.bytes}, {"totals", done_.totals}}));
    return s.ok() ? step_.flush() : s;
  }

  pawl::Step& step_;
  const ColumnFile& file_;
  const PerSensor& what_;
  std::string part_;
  Fd fd_;
  std::string out_;
  Progress done_;
};

// The last line of a whole file.
Result<Value> totals_of(const std::string& path) {
  auto text = read_file(path);
  if (!text.ok()) return text.status();
  if (text->empty() || text->back() != '\n') return Status(Code::corrupt, path + " is not whole");
  text->pop_back();
  auto begin = text->rfind('\n');
  return Value::parse(std::string_view(*text).substr(begin == std::string::npos ? 0 : begin + 1));
}

}  // namespace

Result<Value> per_sensor(pawl::Step& step, const ColumnFile& file, const PerSensor& what) {
  if (file_exists(what.path)) return totals_of(what.path);
  return Lines(step, file, what).run();
}

void add_to(Value& totals, const char* key, std::int64_t n) {
  totals.set(key, totals.get(key).as_integer() + n);
}

}  // namespace manufacturing
