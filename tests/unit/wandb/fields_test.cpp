// What runs say, and which of them the original's notebook may take.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/wandb/fields.hpp"
#include "samples.hpp"

namespace rsg::wandb {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Key;
using testing::Not;
using testing::Pair;

v1::Cell CellOf(v1::Precision precision, v1::MemoryFormat format = v1::MEMORY_FORMAT_NCHW, std::uint32_t size = 224,
                v1::Mode mode = v1::MODE_STANDARD) {
  v1::Cell cell = RunOf(1).job.cell;
  cell.set_precision(precision);
  cell.set_memory_format(format);
  cell.set_image_size(size);
  cell.set_mode(mode);
  return cell;
}

bool Canonical(const v1::SweepSpec& spec, const v1::Cell& cell, v1::Role role = v1::ROLE_MEASUREMENT) {
  return IsCanonical(spec, cell, role);
}

TEST(Canonical, TakesFp16AndTheFirstOfTheFp32Kinds) {
  v1::SweepSpec spec;
  for (const auto precision : {v1::PRECISION_BF16, v1::PRECISION_TF32, v1::PRECISION_FP32, v1::PRECISION_FP16})
    spec.add_precisions(precision);
  EXPECT_TRUE(Canonical(spec, CellOf(v1::PRECISION_FP16)));
  EXPECT_TRUE(Canonical(spec, CellOf(v1::PRECISION_TF32)));
  EXPECT_FALSE(Canonical(spec, CellOf(v1::PRECISION_FP32))) << "the notebook would mix it with tf32";
  EXPECT_FALSE(Canonical(spec, CellOf(v1::PRECISION_FP32_STRICT)));
  EXPECT_FALSE(Canonical(spec, CellOf(v1::PRECISION_BF16))) << "the notebook would take it for fp32";
}

TEST(Canonical, TakesTheFirstMemoryFormatAndImageSizeOnly) {
  v1::SweepSpec spec;
  spec.add_memory_formats(v1::MEMORY_FORMAT_NHWC);
  spec.add_memory_formats(v1::MEMORY_FORMAT_NCHW);
  EXPECT_TRUE(Canonical(spec, CellOf(v1::PRECISION_FP16, v1::MEMORY_FORMAT_NHWC)));
  EXPECT_FALSE(Canonical(spec, CellOf(v1::PRECISION_FP16, v1::MEMORY_FORMAT_NCHW)));
  EXPECT_TRUE(Canonical(spec, CellOf(v1::PRECISION_FP16, v1::MEMORY_FORMAT_NHWC, 288))) << "a model's own size";
  spec.add_image_sizes(192);
  spec.add_image_sizes(224);
  EXPECT_TRUE(Canonical(spec, CellOf(v1::PRECISION_FP16, v1::MEMORY_FORMAT_NHWC, 192)));
  EXPECT_FALSE(Canonical(spec, CellOf(v1::PRECISION_FP16, v1::MEMORY_FORMAT_NHWC, 224)));
}

TEST(Canonical, LeavesTunedLoopsAndControlCellsOut) {
  const v1::SweepSpec spec;
  const auto nchw = v1::MEMORY_FORMAT_NCHW;
  EXPECT_TRUE(Canonical(spec, CellOf(v1::PRECISION_FP32, nchw, 224, v1::MODE_ORIGINAL)));
  EXPECT_FALSE(Canonical(spec, CellOf(v1::PRECISION_FP32, nchw, 224, v1::MODE_TUNED)));
  EXPECT_FALSE(Canonical(spec, CellOf(v1::PRECISION_FP32), v1::ROLE_CONTROL));
}

TEST(Facts, HaveTheOriginalsKeysWithItsTypes) {
  store::RunContent run = RunOf(14);
  const Fields facts = FactsOf(run);
  EXPECT_THAT(
      (Fields(facts.begin(), facts.begin() + 12)),
      ElementsAre(Pair("device_name", Value("NVIDIA GeForce RTX 3090")), Pair("device_capability", Value("(8, 6)")),
                  Pair("pytorch", Value("2.11.0")), Pair("cuda", Value("13.0")),
                  Pair("platform", Value("Debian GNU/Linux 12 (bookworm)")), Pair("model", Value("resnet50")),
                  Pair("fp16", Value(true)), Pair("bs", Value(std::int64_t{256})), Pair("n_seconds", Value(nullptr)),
                  Pair("n_batches", Value(nullptr)), Pair("run_number", Value(std::int64_t{1})),
                  Pair("gpu_mem", Value(std::int64_t{25769803776}))));
  EXPECT_THAT(facts, Contains(Pair("precision", Value("fp16"))));
  EXPECT_THAT(facts, Contains(Pair("job", Value("s3.14"))));
  EXPECT_THAT(facts, Not(Contains(Key("throughput"))));
}

TEST(Facts, TellHowLongWasMeasured) {
  store::RunContent run = RunOf(1);
  run.sweep.spec.mutable_limits()->set_seconds(30);
  run.sweep.spec.set_run_number(7);
  run.job.repeat = 3;
  EXPECT_THAT(FactsOf(run), Contains(Pair("n_seconds", Value(std::int64_t{30}))));
  EXPECT_THAT(FactsOf(run), Contains(Pair("run_number", Value(std::int64_t{9}))));
  run.sweep.spec.mutable_limits()->set_seconds(0.5);
  EXPECT_THAT(FactsOf(run), Contains(Pair("n_seconds", Value(0.5))));
  run.sweep.spec.mutable_limits()->clear_seconds();
  run.sweep.spec.mutable_limits()->set_n_batches(100);
  EXPECT_THAT(FactsOf(run), Contains(Pair("n_batches", Value(std::int64_t{100}))));
  run.sweep.spec.mutable_limits()->clear_n_batches();
  run.sweep.spec.set_mode(v1::MODE_ORIGINAL);
  EXPECT_THAT(FactsOf(run), Contains(Pair("n_seconds", Value(std::int64_t{30})))) << "its loop's own rule";
}

TEST(End, OfACanonicalJobHasTheOriginalsResult) {
  store::RunContent run = RunOf(1);
  AddAttempt(&run, 10, v1::OUTCOME_COMPLETED);
  const Fields end = EndFields(run, run.attempts[0]);
  EXPECT_THAT((Fields(end.begin(), end.begin() + 4)),
              ElementsAre(Pair("duration", Value(25.5)), Pair("n_items", Value(std::int64_t{2560})),
                          Pair("throughput", Value(100.0)), Pair("samples_per_second", Value(100.0))));
  EXPECT_THAT(end, Contains(Pair("samples_per_joule", Value(0.5))));
  EXPECT_THAT(end, Contains(Pair("verdict", Value("VALID"))));
  EXPECT_THAT(end, Contains(Pair("outcome", Value("COMPLETED"))));
  EXPECT_THAT(end, Not(Contains(Key("samples_per_dollar")))) << "the price is not known";
}

TEST(End, OfATaintedResultSaysSoAndDoesNotCompete) {
  store::RunContent run = RunOf(1);
  AddAttempt(&run, 10, v1::OUTCOME_COMPLETED);
  EXPECT_THAT(EndFields(run, run.attempts[0]), Not(Contains(Key("taints"))));
  run.result->add_taints("frozen for 3.0 s");
  run.result->add_taints("its windows overlap");
  const Fields end = EndFields(run, run.attempts[0]);
  EXPECT_THAT(end, Contains(Pair("taints", Value("frozen for 3.0 s; its windows overlap"))));
  EXPECT_THAT(end, Not(Contains(Key("throughput"))));
  EXPECT_THAT(end, Contains(Pair("samples_per_second", Value(100.0))));
}

TEST(End, OfAnotherJobHasNoThroughput) {
  store::RunContent run = RunOf(1);
  run.job.cell.set_precision(v1::PRECISION_BF16);
  AddAttempt(&run, 10, v1::OUTCOME_COMPLETED);
  const Fields end = EndFields(run, run.attempts[0]);
  EXPECT_THAT(end, Not(Contains(Key("throughput"))));
  EXPECT_THAT(end, Contains(Pair("samples_per_second", Value(100.0))));
}

TEST(End, OfAFailureSaysWhy) {
  store::RunContent run = RunOf(1);
  AddAttempt(&run, 2, v1::OUTCOME_OUT_OF_MEMORY);
  EXPECT_THAT(EndFields(run, run.attempts[0]),
              ElementsAre(Pair("outcome", Value("OUT_OF_MEMORY")), Pair("attempt", Value(std::int64_t{1})),
                          Pair("reason", Value("it went wrong"))));
}

TEST(Names, AreForPeople) {
  store::RunContent run = RunOf(1);
  EXPECT_EQ(DisplayName(run), "RTX 3090 · resnet50 · bs 256 · fp16");
  EXPECT_EQ(GroupName(run), "s3-012345");
  EXPECT_THAT(Tags(run), ElementsAre("rsg", "fp16", "nchw", "standard", "canonical"));
  run.job.cell.set_memory_format(v1::MEMORY_FORMAT_NHWC);
  run.job.cell.set_image_size(288);
  run.job.cell.set_mode(v1::MODE_TUNED);
  run.job.repeat = 2;
  EXPECT_EQ(DisplayName(run), "RTX 3090 · resnet50 · bs 256 · fp16 · nhwc · 288 px · tuned · #2");
  run.sweep.spec.set_run_name("my run");
  EXPECT_EQ(DisplayName(run), "my run");
  run.sweep.spec.clear_run_name();
  run.job.device_name.assign(200, 'x');
  run.job.cell.set_model(std::string(200, 'y'));
  EXPECT_LE(DisplayName(run).size(), 128U);
}

}  // namespace
}  // namespace rsg::wandb
