#include "coordinator/cli/rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace rsg::cli {
namespace {

v1::ResultRow MeasuredRow() {
  v1::ResultRow row;
  v1::Job* job = row.mutable_job();
  job->set_job_id("s3.14");
  job->set_sweep_id("s3");
  job->mutable_cell()->set_model("resnet50");
  job->mutable_cell()->set_batch_size(64);
  job->mutable_cell()->set_image_size(224);
  job->mutable_cell()->set_precision(v1::PRECISION_FP32_STRICT);
  job->mutable_cell()->set_memory_format(v1::MEMORY_FORMAT_NHWC);
  job->mutable_cell()->set_mode(v1::MODE_STANDARD);
  job->set_repeat(2);
  job->set_device_id("GPU-1");
  job->set_device_name("Tesla T4");
  job->set_machine_id("00112233aabbccdd");
  job->set_agent_name("box");
  job->set_state(v1::JOB_STATE_ENDED);
  job->set_outcome(v1::OUTCOME_COMPLETED);
  job->set_attempts(1);
  v1::Result* result = row.mutable_result();
  result->set_throughput(512.5);
  result->set_windows(60);
  result->set_steps(240);
  result->set_samples(15360);
  result->set_seconds(29.97);
  result->set_wall_seconds(30.0);
  result->set_warm_up_seconds(3.0);
  result->set_window_cv(0.01);
  result->set_stop_reason(v1::STOP_REASON_SECONDS);
  result->set_peak_memory_mib(4096);
  result->mutable_stack()->set_trainer_version("0.1.0");
  result->mutable_stack()->set_torch_version("2.11.0");
  row.set_ended_unix_seconds(1769860800);
  job->set_role(v1::ROLE_MEASUREMENT);
  result->set_ci_low(507.375);
  result->set_ci_high(517.625);
  result->set_verdict(v1::VERDICT_THROTTLED);
  result->set_evidence("58 % of the time under thermal slowdown");
  result->set_drained_share(0.25);
  result->mutable_physics()->set_share_of_peak(0.5);
  result->mutable_keys()->set_method("1111111111111111");
  result->mutable_keys()->set_stack("2222222222222222");
  result->mutable_keys()->set_machine("3333333333333333");
  return row;
}

std::vector<std::string> Lines(const std::vector<Column>& columns, const std::vector<Row>& rows, const Style& style) {
  return TableLines(columns, rows, style);
}

std::string Csv(const std::vector<Column>& columns, const Row& row) {
  std::ostringstream out;
  const auto table = MakeTable(Format::kCsv, columns, {}, out);
  table->Add(row);
  table->Finish();
  return out.str();
}

TEST(Rows, ResultIsWhatTheViewHolds) {
  EXPECT_EQ(
      Csv(ResultColumns(), ToRow(MeasuredRow())),
      "sweep_id,job_id,device_name,device_id,agent,model,batch_size,image_size,precision,memory_format,mode,"
      "repeat,outcome,reason,throughput,ci_low,ci_high,half_width_percent,window_cv,windows,steps,samples,seconds,"
      "wall_seconds,warm_up_seconds,stop_reason,verdict,evidence,taints,drained_share,share_of_peak,peak_memory_mib,"
      "trainer_version,torch_version,cuda_version,cudnn_version,method_key,stack_key,machine_key,ended,attempts,"
      "machine_id,script_sha256,role,sweep,job\n"
      "s3,s3.14,Tesla T4,GPU-1,box,resnet50,64,224,fp32-strict,nhwc,standard,2,COMPLETED,,512.5,507.375,517.625,"
      "1.0,0.01,60,240,15360,29.97,30.0,3.0,SECONDS,THROTTLED,"
      "58 % of the time under thermal slowdown,,0.25,0.5,4096,0.1.0,2.11.0,,,1111111111111111,2222222222222222,"
      "3333333333333333,2026-01-31T12:00:00Z,1,00112233aabbccdd,,MEASUREMENT,3,14\n");
}

TEST(Rows, PeopleSeeThroughputPlusMinusAndTheVerdict) {
  const std::string head = Lines(ResultColumns(), {ToRow(MeasuredRow())}, {})[0];
  const std::string line = Lines(ResultColumns(), {ToRow(MeasuredRow())}, {})[1];
  EXPECT_THAT(head, testing::ContainsRegex("samples/s +\u00b1% +cv +verdict"));
  EXPECT_THAT(line, testing::ContainsRegex("512\\.50 +1\\.00 +0\\.010 +THROTTLED"));
  EXPECT_THAT(Lines(ResultColumns(), {ToRow(MeasuredRow())}, {.unicode = false})[0], testing::HasSubstr(" +/-% "));
  // Narrow terminals keep them longer than what tells less.
  const std::string narrow = Lines(ResultColumns(), {ToRow(MeasuredRow())}, {.width = 80})[1];
  EXPECT_THAT(narrow, testing::ContainsRegex("512\\.50 +1\\.00 +THROTTL"));
}

TEST(Rows, TaintedResultsAreMarkedWithTheReason) {
  v1::ResultRow row = MeasuredRow();
  EXPECT_THAT(Lines(ResultColumns(), {ToRow(row)}, {})[0], testing::Not(testing::HasSubstr("taints")));
  row.mutable_result()->add_taints("frozen for 3.0 s");
  row.mutable_result()->add_taints("its windows overlap");
  *row.mutable_job()->mutable_taints() = row.result().taints();
  EXPECT_THAT(Lines(ResultColumns(), {ToRow(row)}, {})[1], testing::ContainsRegex("1\\.00 +! "));
  EXPECT_THAT(Lines(ResultColumns(), {ToRow(row)}, {})[1], testing::HasSubstr("frozen for 3.0 s; its windows overlap"));
  EXPECT_THAT(Csv(ResultColumns(), ToRow(row)), testing::HasSubstr(",frozen for 3.0 s; its windows overlap,"));
  EXPECT_THAT(Lines(ResultColumns(), {ToRow(row)}, {.width = 60})[1], testing::HasSubstr(" !")) << "never dropped";
  EXPECT_THAT(Lines(JobColumns(), {ToRow(row.job())}, {})[1], testing::HasSubstr("frozen for 3.0 s"));
}

TEST(Rows, WhatIsUnknownTakesNoRoom) {
  v1::ResultRow row = MeasuredRow();
  row.mutable_result()->clear_ci_low();
  row.mutable_result()->clear_ci_high();
  row.mutable_result()->clear_verdict();
  const std::string head = Lines(ResultColumns(), {ToRow(row)}, {})[0];
  EXPECT_THAT(head, testing::Not(testing::HasSubstr("\u00b1")));
  EXPECT_THAT(head, testing::Not(testing::HasSubstr("verdict")));
  EXPECT_THAT(head, testing::Not(testing::HasSubstr("control")));
}

TEST(Rows, OtherModesAreNeverTakenForTheStandardOne) {
  v1::ResultRow row = MeasuredRow();
  EXPECT_THAT(Lines(ResultColumns(), {ToRow(row)}, {})[0], testing::Not(testing::HasSubstr(" mode ")));
  EXPECT_EQ(CellText(row.job().cell()), "resnet50 bs 64, 224 px, fp32-strict, nhwc");
  row.mutable_job()->mutable_cell()->set_mode(v1::MODE_ORIGINAL);
  EXPECT_THAT(Lines(ResultColumns(), {ToRow(row)}, {})[1], testing::HasSubstr(" original "));
  EXPECT_THAT(Lines(JobColumns(), {ToRow(row.job())}, {})[1], testing::HasSubstr(" original "));
  EXPECT_THAT(Csv(ResultColumns(), ToRow(row)), testing::HasSubstr(",nhwc,original,2,"));
  EXPECT_EQ(CellText(row.job().cell()), "resnet50 bs 64, 224 px, fp32-strict, nhwc, original");
}

TEST(Rows, ControlJobsSayWhichTheyAre) {
  v1::ResultRow row = MeasuredRow();
  row.mutable_job()->set_role(v1::ROLE_CONTROL);
  EXPECT_THAT(Lines(ResultColumns(), {ToRow(row)}, {})[1], testing::ContainsRegex(" end +COMPLETED"));
  row.mutable_job()->set_repeat(1);
  EXPECT_THAT(Lines(ResultColumns(), {ToRow(row)}, {})[1], testing::ContainsRegex(" start +COMPLETED"));
  EXPECT_THAT(Csv(ResultColumns(), ToRow(row)), testing::HasSubstr(",CONTROL,3,14\n"));
}

TEST(Rows, JobShowsItsResultAndItsDevicesDrift) {
  v1::Job job = MeasuredRow().job();
  job.set_throughput(200);
  job.set_ci_low(198);
  job.set_ci_high(202);
  job.set_verdict(v1::VERDICT_VALID);
  const std::string csv = Csv(JobColumns(), ToRow(job, 0.125));
  EXPECT_THAT(csv, testing::HasSubstr(",throughput,ci_low,ci_high,half_width_percent,verdict,taints,windows_stored,"));
  EXPECT_THAT(csv, testing::HasSubstr(",reason,control_drift_percent\n"));
  EXPECT_THAT(csv, testing::HasSubstr(",200.0,198.0,202.0,1.0,VALID,,0,1,,12.5\n"));
  EXPECT_THAT(Csv(JobColumns(), ToRow(job)), testing::EndsWith(",1,,\n")) << "no drift, no number";
}

TEST(Rows, JobWithoutResultHasNulls) {
  v1::ResultRow row = MeasuredRow();
  row.clear_result();
  row.mutable_job()->set_outcome(v1::OUTCOME_SKIPPED);
  row.mutable_job()->set_reason("s3.13 ran out of memory");
  row.mutable_job()->clear_agent_name();
  EXPECT_EQ(Csv(ResultColumns(), ToRow(row)).substr(Csv(ResultColumns(), ToRow(row)).find('\n') + 1),
            "s3,s3.14,Tesla T4,GPU-1,,resnet50,64,224,fp32-strict,nhwc,standard,2,SKIPPED,s3.13 ran out of memory,,,,,,"
            ",,,,,,,,,,,,,,,,,,,,2026-01-31T12:00:00Z,1,00112233aabbccdd,,MEASUREMENT,3,14\n");
}

TEST(Rows, EveryRowHasAValueForEachColumn) {
  EXPECT_EQ(ToRow(v1::ResultRow()).size(), ResultColumns().size());
  EXPECT_EQ(ToRow(v1::Job()).size(), JobColumns().size());
  EXPECT_EQ(ToRow(v1::SweepStatus()).size(), SweepColumns().size());
  EXPECT_EQ(ToRow(v1::Agent()).size(), AgentColumns().size());
  EXPECT_EQ(ToRow(v1::Token()).size(), TokenColumns().size());
  EXPECT_EQ(ToRow(Models().front()).size(), ModelColumns().size());
}

TEST(Rows, SweepCountsItsJobs) {
  v1::SweepStatus sweep;
  sweep.set_sweep_id("s1");
  sweep.mutable_spec()->add_models("resnet18");
  sweep.mutable_spec()->add_models("resnet50");
  sweep.set_state(v1::SWEEP_STATE_RUNNING);
  sweep.set_cells(4);
  sweep.set_devices(2);
  sweep.mutable_counts()->set_total(8);
  sweep.mutable_counts()->set_queued(3);
  sweep.mutable_counts()->set_running(1);
  sweep.mutable_counts()->set_completed(2);
  sweep.mutable_counts()->set_out_of_memory(1);
  sweep.mutable_counts()->set_skipped(1);
  EXPECT_EQ(Csv(SweepColumns(), ToRow(sweep)),
            "sweep_id,name,state,models,submitted,ended,cells,devices,total,queued,running,completed,out_of_memory,"
            "unsupported,failed,cancelled,skipped,eta_seconds,absent_jobs\n"
            "s1,,RUNNING,\"resnet18, resnet50\",,,4,2,8,3,1,2,1,0,0,0,1,,0\n");
}

TEST(Rows, MachinesAreCalledByTheirGpusElseTheirCpu) {
  v1::MachineFacts machine;
  machine.set_cpu_model("AMD EPYC 7443");
  machine.add_devices()->set_kind(v1::DEVICE_KIND_CPU);
  EXPECT_EQ(DevicesText(machine), "AMD EPYC 7443");
  for (int i = 0; i < 2; ++i) {
    v1::Device* gpu = machine.add_devices();
    gpu->set_kind(v1::DEVICE_KIND_GPU);
    gpu->set_name("Tesla T4");
  }
  EXPECT_EQ(DevicesText(machine), "2x Tesla T4");
}

TEST(Rows, TimesAreIso8601AndAbsentOnesEmpty) {
  EXPECT_EQ(Iso8601(1769860800.9), "2026-01-31T12:00:00Z");
  EXPECT_EQ(Iso8601(0), "");
  EXPECT_EQ(Iso8601(-1), "");
  EXPECT_EQ(Iso8601(1e300), "");
}

}  // namespace
}  // namespace rsg::cli
