// spdlog, compiled once, as common/fmt.cpp does it with fmt and for the same reasons. What is instantiated are the sinks
// that the programs use, and the standard output that its registry starts with.
#include <spdlog/common-inl.h>
#include <spdlog/details/backtracer-inl.h>
#include <spdlog/details/file_helper-inl.h>
#include <spdlog/details/log_msg-inl.h>
#include <spdlog/details/log_msg_buffer-inl.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/os-inl.h>
#include <spdlog/details/periodic_worker-inl.h>
#include <spdlog/details/registry-inl.h>
#include <spdlog/logger-inl.h>
#include <spdlog/pattern_formatter-inl.h>
#include <spdlog/sinks/ansicolor_sink-inl.h>
#include <spdlog/sinks/base_sink-inl.h>
#include <spdlog/sinks/rotating_file_sink-inl.h>
#include <spdlog/sinks/sink-inl.h>
#include <spdlog/sinks/stdout_color_sinks-inl.h>
#include <spdlog/spdlog-inl.h>

#include <mutex>

namespace spdlog {
namespace sinks {
template class base_sink<std::mutex>;
template class rotating_file_sink<std::mutex>;
template class ansicolor_sink<details::console_mutex>;
template class ansicolor_stdout_sink<details::console_mutex>;
template class ansicolor_stderr_sink<details::console_mutex>;
}  // namespace sinks
template std::shared_ptr<logger> stderr_color_mt<synchronous_factory>(const std::string&, color_mode);
template std::shared_ptr<logger> stdout_color_mt<synchronous_factory>(const std::string&, color_mode);
}  // namespace spdlog
