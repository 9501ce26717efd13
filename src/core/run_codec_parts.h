#pragma once
// The parts that run_codec puts together: one task's row, one task's cell. Inside of run_codec.
//
// A row is one byte where nothing happened to its task yet: state and flags; then the reason, who
// tried it, and its times, relative to the run's creation. A cell begins with a mask of the fields
// that follow. Readers fail on what they do not know and never crash on any bytes.

#include "base/codec.h"
#include "core/run.h"

namespace pawl::core {

void put_row(Writer& w, const TaskRow& r, Time base);
void get_row(Reader& in, TaskRow& r, Time base);
void put_cell(Writer& w, const TaskExtra& x);
void get_cell(Reader& in, TaskExtra& x);
void put_json(Writer& w, const Json& v);
Json get_json(Reader& in);
// base + us, also where corrupt bytes give a sum that no Time holds: then some other time.
Time time_after(Time base, std::int64_t us);

}  // namespace pawl::core
