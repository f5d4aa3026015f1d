#include "control/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "control/query/text.h"

namespace coretrack {
namespace {

std::atomic<bool> g_json{false};

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

void StartLog(const LogConfig& config) {
  auto logger = spdlog::stderr_logger_mt("coretrackd");
  g_json = config.format == LogFormat::kJson;
  logger->set_pattern(g_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","message":"%v"})"
                             : "%Y-%m-%dT%H:%M:%S.%fZ %-7l %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(LevelOf(config.level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void SetLogLevel(LogLevel level) { spdlog::set_level(LevelOf(level)); }

void Log(LogLevel level, std::string_view line) {
  spdlog::log(LevelOf(level), "{}", g_json ? JsonEscaped(line) : std::string(line));
}

}  // namespace coretrack
