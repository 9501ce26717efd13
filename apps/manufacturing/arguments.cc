#include "manufacturing/arguments.h"

#include <charconv>

namespace manufacturing {

using pawl::Code;
using pawl::Result;
using pawl::Status;

const char* usage() {
  return R"(usage: pawl-manufacturing serve --dir DIR [--listen 127.0.0.1:8790] [OPTION...]
       pawl-manufacturing analyze FILE [--dir DIR] [--dag FILE] [--sensors all|flagged|none]
       pawl-manufacturing dag [FILE]

serve     POST /workflow, GET /status/ID, GET /results/ID, GET /workflows, GET /logs/ID
analyze   one batch, its result on standard output
dag       prints the built-in DAG, or checks FILE

options of serve
  --dag FILE        the DAG that new workflows get
  --max-body SIZE   of a batch, such as 256MiB (default) or 2GiB
  --threads N       that analyse (default: the processors)
  --keep-days N     histories and results are removed after (default 365)
  --url-file FILE   gets the address once it is served; with --listen 127.0.0.1:0 any free port
  --host NAME       also answer requests for this name; may come several times

exit codes: 0 done, 1 it cannot go on, 2 wrong usage, 3 the analysis failed, 6 wrong input,
            7 no such file, 9 DIR or the port is taken
)";
}

namespace {

bool read_number(const std::string& text, std::uint64_t least, std::uint64_t most,
                 std::uint64_t& n) {
  auto read = std::from_chars(text.data(), text.data() + text.size(), n);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && n >= least && n <= most;
}

// "64KiB", "256MiB", "2GiB", "1000".
bool read_size(std::string text, std::size_t& size) {
  std::uint64_t unit = 1, n = 0;
  for (auto [name, bytes] : {std::pair("KiB", 1u << 10), {"MiB", 1u << 20}, {"GiB", 1u << 30}}) {
    if (!text.ends_with(name)) continue;
    unit = bytes;
    text.resize(text.size() - 3);
    break;
  }
  if (!read_number(text, 1, 1u << 30, n) || n * unit > std::uint64_t{1} << 40) return false;
  size = n * unit;
  return true;
}

bool read_listen(const std::string& text, Arguments& a) {
  auto colon = text.rfind(':');
  std::uint64_t port = 0;
  if (colon == std::string::npos || !read_number(text.substr(colon + 1), 0, 65535, port))
    return false;
  a.address = text.substr(0, colon);
  if (a.address.starts_with('[') && a.address.ends_with(']'))
    a.address = a.address.substr(1, a.address.size() - 2);
  a.port = static_cast<std::uint16_t>(port);
  return true;
}

// False: the value is none for this option.
bool take(const std::string& option, const std::string& value, Arguments& a) {
  std::uint64_t n = 0;
  if (option == "--dir") return !(a.dir = value).empty();
  if (option == "--dag") return !(a.dag = value).empty();
  if (option == "--url-file") return !(a.url_file = value).empty();
  if (option == "--host") return a.hosts.push_back(value), !value.empty();
  if (option == "--listen") return read_listen(value, a);
  if (option == "--max-body") return read_size(value, a.max_body);
  if (option == "--sensors") {
    a.sensors = value;
    return value == "all" || value == "flagged" || value == "none";
  }
  const bool threads = option == "--threads";
  if (!read_number(value, 1, threads ? 256 : 36500, n)) return false;
  (threads ? a.threads : a.keep_days) = static_cast<unsigned>(n);
  return true;
}

bool has_option(const std::string& command, const std::string& option) {
  for (const char* o : {"--dir", "--dag"})
    if (option == o) return command != "dag";
  if (option == "--sensors") return command == "analyze";
  for (const char* o :
       {"--listen", "--max-body", "--threads", "--keep-days", "--host", "--url-file"})
    if (option == o) return command == "serve";
  return false;
}

}  // namespace

Result<Arguments> read_arguments(const std::vector<std::string>& words) {
  Arguments a;
  a.command = words.empty() ? "help" : words[0];
  if (a.command == "--help" || a.command == "-h") a.command = "help";
  if (a.command == "help") return a;
  if (a.command != "serve" && a.command != "analyze" && a.command != "dag")
    return Status(Code::invalid, "there is no command " + a.command);
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string word = words[i], value;
    if (!word.starts_with("--")) {
      if (a.command == "serve" || !a.file.empty())
        return Status(Code::invalid, "too many arguments: " + word);
      a.file = word;
      continue;
    }
    const auto equals = word.find('=');
    if (equals != std::string::npos) value = word.substr(equals + 1), word.resize(equals);
    if (!has_option(a.command, word))
      return Status(Code::invalid, a.command + " has no option " + word);
    if (equals == std::string::npos) {
      if (i + 1 == words.size()) return Status(Code::invalid, word + " needs a value");
      value = words[++i];
    }
    if (!take(word, value, a)) return Status(Code::invalid, value + " is no value for " + word);
  }
  if (a.command == "serve" && a.dir.empty()) return Status(Code::invalid, "serve needs --dir");
  if (a.command == "analyze" && a.file.empty())
    return Status(Code::invalid, "analyze needs a file");
  return a;
}

}  // namespace manufacturing
