#pragma once
// Pawl, embedded: define workflows in C++, run them durably in your own process. Begin with
// docs/tutorial-cpp.md; the test kit is pawl/testing.h.

#include "pawl/app.h"
#include "pawl/codec.h"
#include "pawl/export.h"
#include "pawl/orchestrator.h"
#include "pawl/run.h"
#include "pawl/serve.h"
#include "pawl/status.h"
#include "pawl/step.h"
#include "pawl/templates.h"
#include "pawl/value.h"
#include "pawl/workflow.h"
