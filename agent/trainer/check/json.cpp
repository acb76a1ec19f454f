#include <nlohmann/json.hpp>

#include "agent/trainer/check/check.hpp"

namespace rsg::trainer {

std::string CheckJson(const CheckRequest& request, const CheckFigures& figures) {
  using Json = nlohmann::ordered_json;
  Json names = Json::array();
  Json gradients = Json::object();
  Json stepped = Json::object();
  for (const CheckedParameter& each : figures.parameters) {
    names.push_back(each.name);
    gradients[each.name] = each.grad_l2;
    stepped[each.name] = each.step_l2;
  }
  const Json json{
      {"model", request.model},
      {"batch", request.batch_size},
      {"size", request.image_size},
      {"seed", request.seed},
      {"parameters", figures.parameter_count},
      {"tensors", figures.parameters.size()},
      {"names", std::move(names)},
      {"loss", figures.loss},
      {"logits_l2", figures.logits_l2},
      {"logits_head", figures.logits_head},
      {"grad_l2", std::move(gradients)},
      {"step_l2", std::move(stepped)},
  };
  return json.dump();
}

}  // namespace rsg::trainer
