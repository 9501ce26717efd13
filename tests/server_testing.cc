#include "tests/server_testing.h"

#include <poll.h>
#include <signal.h>

#include <charconv>

#include "base/text.h"
#include "server/control.h"

namespace pawl::e2e {

ServeProcess::ServeProcess(const Place& place, std::string lease)
    : place_(place), lease_(std::move(lease)) {}

void ServeProcess::start() {
  const std::vector<std::string> words = {
      "serve", "--data", data(), "--listen", str("127.0.0.1:", port_), "--worker-lease", lease_};
  child_ = std::make_unique<Child>(place_.start(words));
  constexpr std::string_view kSays = "serving url=http://127.0.0.1:";
  PAWL_ASSERT(child_->says(kSays));
  const auto said = child_->said();
  const auto* at = said.data() + said.find(kSays) + kSays.size();
  std::from_chars(at, said.data() + said.size(), port_);
  PAWL_ASSERT(port_ != 0);
}

void ServeProcess::kill() {
  child_->signal(SIGKILL);
  child_->wait();
  child_.reset();
}

std::string ServeProcess::url() const { return str("http://127.0.0.1:", port_); }

std::int64_t ServeProcess::submit(const std::string& text, Json inputs) const {
  auto client = server::ControlClient::connect(data());
  PAWL_ASSERT(client.ok());
  server::Bundle bundle;
  bundle.files.push_back({"", text, {}});
  auto params = Json::object().set("bundle", server::bundle_to_json(bundle));
  auto run = (*client)->call("submit", params.set("inputs", std::move(inputs)));
  PAWL_ASSERT(run.ok());
  return (*run)["run_id"].as_integer();
}

Json ServeProcess::show(std::int64_t run) const {
  auto client = server::ControlClient::connect(data());
  if (!client.ok()) return {};
  auto shown = (*client)->call("show", Json::object().set("run_id", run));
  return shown.ok() ? *shown : Json();
}

Json ServeProcess::wait(std::int64_t run, const std::function<bool(const Json&)>& enough) const {
  for (int i = 0; i < 3000; ++i) {
    auto shown = show(run);
    if (!shown.is_null() && enough(shown)) return shown;
    ::poll(nullptr, 0, 20);
  }
  return {};
}

Json ServeProcess::end_of(std::int64_t run) const {
  return wait(run, [](const Json& shown) { return shown["finished_at"].is_string(); });
}

}  // namespace pawl::e2e
