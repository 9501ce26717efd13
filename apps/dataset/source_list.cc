#include "dataset/source_list.h"

#include <algorithm>

#include "dataset/sha256.h"

namespace dataset {

using pawl::Code;
using pawl::Result;
using pawl::Status;

namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

// A name that a URL has not chosen: its hash, and what of its last part is harmless.
std::string name_of_url(const std::string& url) {
  auto path = url.substr(0, url.find_first_of("?#"));
  std::string last;
  for (char c : path.substr(path.rfind('/') + 1)) {
    bool harmless = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_';
    last += harmless ? c : '_';
  }
  if (last.size() > 80) last = last.substr(last.size() - 80);
  return sha256_hex(url).substr(0, 8) + "-" + (last.empty() ? "file" : last);
}

// A name for what has none that JSON could hold.
std::string printable(const std::string& name) {
  std::string text;
  for (char c : name)
    text += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  return text + "~" + sha256_hex(name).substr(0, 8);
}

Status list_folder(const Source& source, std::vector<Item>& items) {
  auto names = list_files(source.path);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    Item item;
    item.from = join_path(source.path, name);
    if (is_utf8(name)) {
      item.name = source.name + "/" + name;
    } else {
      item.name = source.name + "/" + printable(name);
      item.from = "";
      item.reason = code_of(Reason::bad_name);
    }
    items.push_back(std::move(item));
  }
  return {};
}

Status list_lines(const Source& source, std::vector<Item>& items) {
  auto text = read_file(source.path);
  if (!text.ok()) return text.status();
  if (!is_utf8(*text)) return {Code::invalid, source.path + ": it is not UTF-8"};
  std::string_view rest = *text;
  for (int number = 1; !rest.empty(); ++number) {
    auto end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    std::vector<std::string> words;
    while (true) {
      auto from = line.find_first_not_of(" \t\r");
      if (from == std::string_view::npos) break;
      auto to = std::min(line.find_first_of(" \t\r", from), line.size());
      words.emplace_back(line.substr(from, to - from));
      line.remove_prefix(to);
    }
    if (words.empty() || words[0][0] == '#') continue;
    auto wrong = [&](const std::string& what, const std::string& hint) {
      return Status(Code::invalid, source.path + ":" + std::to_string(number) + ": " + what, hint);
    };
    bool http = source.kind == Source::Kind::http;
    const char* form = http ? "URL [SHA256 [NAME]]" : "PATH [SHA256]";
    if (words.size() > (http ? 3u : 2u)) return wrong("too many columns", form);
    Item item;
    item.http = http;
    if (words.size() > 1 && words[1] != "-") {
      item.sha256 = lower(words[1]);
      if (!is_sha256(item.sha256))
        return wrong("'" + words[1] + "' is no SHA-256", "64 hexadecimal digits, or -");
    }
    std::string name = words[0];
    if (http) {
      item.from = words[0];
      name = words.size() > 2 ? words[2] : name_of_url(words[0]);
    } else {
      item.from = join_path(folder_of(source.path), words[0]);
      while (name.starts_with("./") || name.starts_with("/"))
        name.erase(0, name[0] == '/' ? 1 : 2);
    }
    if (!is_plain_name(name))
      return wrong("'" + name + "' is no name for a file", "no \"..\" and no empty part");
    item.name = source.name + "/" + name;
    items.push_back(std::move(item));
  }
  return {};
}

}  // namespace

Result<std::vector<Item>> list_items(const std::vector<Source>& sources) {
  std::vector<Item> items;
  for (const Source& source : sources) {
    auto s = source.kind == Source::Kind::folder ? list_folder(source, items)
                                                 : list_lines(source, items);
    if (!s.ok()) return s;
  }
  std::sort(items.begin(), items.end(),
            [](const Item& a, const Item& b) { return a.name < b.name; });
  std::vector<const Item*> by_part;
  for (const Item& item : items)
    by_part.push_back(&item);
  // With '/' as the smallest character, what is beneath a name follows right after it.
  std::sort(by_part.begin(), by_part.end(), [](const Item* a, const Item* b) {
    return std::lexicographical_compare(a->name.begin(), a->name.end(), b->name.begin(),
                                        b->name.end(), [](char x, char y) {
                                          return (x == '/' ? 0 : static_cast<unsigned char>(x)) <
                                                 (y == '/' ? 0 : static_cast<unsigned char>(y));
                                        });
  });
  for (std::size_t i = 1; i < by_part.size(); ++i) {
    const std::string &a = by_part[i - 1]->name, &b = by_part[i]->name;
    if (a == b) return Status(Code::invalid, "two files are called " + a, "give one another name");
    if (b.starts_with(a + "/"))
      return Status(Code::invalid, a + " is a file, and a folder of " + b, "rename one of them");
  }
  return items;
}

}  // namespace dataset
