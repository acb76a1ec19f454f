#include "agent/trainer/check_options.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "common/models.hpp"
#include "common/refusal.hpp"
#include "common/validate.hpp"

namespace rsg::trainer {
namespace {

constexpr char kPurpose[] = "Compute one training step in float64 and print its figures, to compare with timm";
constexpr char kHowTo[] =
    "Prints one JSON object: names of the parameters in order, loss, logits, the L2 norm of every gradient and of "
    "every\n"
    "parameter after the step. The step is the same on every machine, so that another implementation of the network, "
    "in\n"
    "any language, can be compared digit by digit: honest ones agree within 1e-9 (a gradient norm below 1e-10 stands "
    "for\n"
    "zero). tests/unit/trainer/golden/compare.py does so with timm.\n"
    "\n"
    "How to make the same step elsewhere. Train mode, every dropout and drop-path probability 0, mean cross-entropy,\n"
    "SGD with learning rate 0.01, weight decay 5e-5, momentum 0; a model that depends on the image size is built for "
    "it.\n"
    "Numbers come from names, in uint64 arithmetic:\n"
    "  splitmix64(z): z += 0x9E3779B97F4A7C15; z = (z ^ z>>30) * 0xBF58476D1CE4E5B9;\n"
    "                 z = (z ^ z>>27) * 0x94D049BB133111EB; return z ^ z>>31\n"
    "  hash(name, i) = splitmix64(splitmix64(fnv1a64(name) ^ seed) + i)         i: row-major index\n"
    "  u(name, i)    = (hash(name, i) >> 11) * 2^-53 * 2 - 1                    in [-1, 1)\n"
    "  parameter of 2 or more dimensions: u * sqrt(3 / fan_in), fan_in = numel / shape[0]\n"
    "  one-dimensional *.weight: 1 + 0.1 u; any other: 0.1 u; buffers keep their defaults\n"
    "  images, name \"input\", [batch, 3, size, size]: u; label k: hash(\"label\", k) mod 1000\n"
    "Values to try it with: u(\"input\", 0) = 0.20830905257965515 with seed 20771,\n"
    "u(\"layer1.0.conv1.weight\", 0) = -0.9001685496293765 with seed 0.\n"
    "\n"
    "Where a network ends in batch norm, let it see 8 values a channel or more, about batch x (size / 32)^2: with "
    "fewer\n"
    "rounding errors grow past 1e-9.\n"
    "\n"
    "Examples:\n"
    "  rsg-trainer check --model resnet18\n"
    "  rsg-trainer check --model swin_s3_base_224 --batch 3 --size 64 --seed 7";

}  // namespace

void AddCheckOptions(CLI::App* check, CheckWords* words) {
  check->description(kPurpose);
  check->footer(kHowTo);
  check->add_option("--model", words->model, "what to check: " + ModelNames())->required();
  check->add_option("--batch,--bs,--batch-size", words->batch_size, "samples, 1 to 65536 (default 2)");
  check->add_option("--size", words->image_size, "image height and width in pixels (default: the model's)");
  check->add_option("--seed", words->seed, "of weights, images and labels, 0 to 2^64 - 1 (default 0)");
}

absl::Status FillCheck(const CheckWords& words, CommandLine* line) {
  const ModelEntry* model = FindModel(words.model);
  if (model == nullptr) return RefuseWord("model", words.model, ModelNames());
  line->cell.set_model(words.model);
  line->cell.set_batch_size(words.batch_size);
  line->cell.set_image_size(words.image_size.value_or(model->default_image_size));
  line->cell.set_precision(v1::PRECISION_FP32_STRICT);  // the cell's rules know no float64
  line->cell.set_memory_format(v1::MEMORY_FORMAT_NCHW);
  line->cell.set_mode(v1::MODE_STANDARD);
  line->seed = words.seed;
  return Validate(line->cell);
}

}  // namespace rsg::trainer
