#include "control/api/http.h"

#include "absl/strings/str_cat.h"
#include "control/query/text.h"

namespace coretrack {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool Decode(std::string_view text, bool plus_is_space, std::string* decoded) {
  decoded->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    *decoded += c;
  }
  return true;
}

}  // namespace

HttpResponse ErrorResponse(unsigned status, std::string_view error, std::string_view fix) {
  HttpResponse response;
  response.status = status;
  response.body =
      absl::StrCat("{\"error\":\"", JsonEscaped(error), "\",\"fix\":\"", JsonEscaped(fix), "\"}\n");
  return response;
}

HttpResponse ErrorResponse(const absl::Status& status) {
  unsigned code = 500;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
      code = 400;
      break;
    case absl::StatusCode::kNotFound:
      code = 404;
      break;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
      code = 503;
      break;
    default:
      break;
  }
  const std::string_view message(status.message().data(), status.message().size());
  const size_t cut = message.find("; ");
  if (cut == std::string_view::npos) return ErrorResponse(code, message, "see /openapi.json");
  return ErrorResponse(code, message.substr(0, cut), message.substr(cut + 2));
}

HttpResponse JsonResponse(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  response.body += '\n';
  return response;
}

absl::Status ParseTarget(std::string_view target, std::string* path, Fields* query) {
  const size_t mark = target.find('?');
  if (!target.starts_with('/') || !Decode(target.substr(0, mark), false, path)) {
    return absl::InvalidArgumentError("the request's target is not a path; see /openapi.json");
  }
  query->clear();
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    if (field.empty()) continue;
    if (query->size() == kMaxQueryFields) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", kMaxQueryFields, " fields in the query; ask for less"));
    }
    const size_t equals = field.find('=');
    auto& [key, value] = query->emplace_back();
    if (!Decode(field.substr(0, equals), true, &key) ||
        (equals != std::string_view::npos && !Decode(field.substr(equals + 1), true, &value))) {
      return absl::InvalidArgumentError("a bad escape in the query; percent-encode it in UTF-8");
    }
  }
  return absl::OkStatus();
}

}  // namespace coretrack
