#pragma once
// What an app's program exits with after an error: the numbers of `pawl help exit-codes`, so that
// scripts need to know one list.

#include <pawl/status.h>

namespace apps {

int exit_code_of(const pawl::Status& status);

}  // namespace apps
