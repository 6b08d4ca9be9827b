#include "tensor/pickle.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "atp/error.h"
#include "tensor/tensor_forms.h"

namespace atp {

namespace {

// The opcodes that the pickler of protocols 2 to 5 writes for such data, by their names in Python's pickletools.
enum Opcode : unsigned char {
  MARK = '(',
  STOP = '.',
  BINFLOAT = 'G',
  BININT = 'J',
  BININT1 = 'K',
  BININT2 = 'M',
  LONG1 = 0x8a,
  LONG4 = 0x8b,
  NONE = 'N',
  NEWTRUE = 0x88,
  NEWFALSE = 0x89,
  BINSTRING = 'T',
  SHORT_BINSTRING = 'U',
  BINBYTES = 'B',
  SHORT_BINBYTES = 'C',
  BINBYTES8 = 0x8e,
  BYTEARRAY8 = 0x96,
  BINUNICODE = 'X',
  SHORT_BINUNICODE = 0x8c,
  BINUNICODE8 = 0x8d,
  EMPTY_LIST = ']',
  APPEND = 'a',
  APPENDS = 'e',
  LIST = 'l',
  EMPTY_TUPLE = ')',
  TUPLE = 't',
  TUPLE1 = 0x85,
  TUPLE2 = 0x86,
  TUPLE3 = 0x87,
  EMPTY_DICT = '}',
  DICT = 'd',
  SETITEM = 's',
  SETITEMS = 'u',
  EMPTY_SET = 0x8f,
  ADDITEMS = 0x90,
  FROZENSET = 0x91,
  BINGET = 'h',
  LONG_BINGET = 'j',
  BINPUT = 'q',
  LONG_BINPUT = 'r',
  MEMOIZE = 0x94,
  GLOBAL = 'c',
  STACK_GLOBAL = 0x93,
  REDUCE = 'R',
  BUILD = 'b',
  BINPERSID = 'Q',
  PROTO = 0x80,
  FRAME = 0x95,
};

enum class Global { ordered_dict, list, plain, storage, type, tensor, tensor_v2, tensor_v3, parameter };

// All that a pickle may ask for.
struct Known {
  const char* name;
  Global global;
  at::ScalarType type = at::ScalarType::Undefined;
};
constexpr Known known_globals[] = {
    {"collections.OrderedDict", Global::ordered_dict},
    {"torch.Size", Global::list},
    {"__builtin__.set", Global::list},
    {"builtins.set", Global::list},
    {"_codecs.encode", Global::plain},  // bytes in protocol 2
    {"torch._utils._rebuild_tensor", Global::tensor},
    {"torch._utils._rebuild_tensor_v2", Global::tensor_v2},
    {"torch._utils._rebuild_tensor_v3", Global::tensor_v3},
    {"torch._utils._rebuild_parameter", Global::parameter},
    {"torch._utils._rebuild_parameter_with_state", Global::parameter},
    {"torch.DoubleStorage", Global::storage, at::kDouble},
    {"torch.FloatStorage", Global::storage, at::kFloat},
    {"torch.HalfStorage", Global::storage, at::kHalf},
    {"torch.BFloat16Storage", Global::storage, at::kBFloat16},
    {"torch.LongStorage", Global::storage, at::kLong},
    {"torch.IntStorage", Global::storage, at::kInt},
    {"torch.ShortStorage", Global::storage, at::kShort},
    {"torch.CharStorage", Global::storage, at::kChar},
    {"torch.ByteStorage", Global::storage, at::kByte},
    {"torch.BoolStorage", Global::storage, at::kBool},
    {"torch.storage.UntypedStorage", Global::storage, at::kByte},
    {"torch.float64", Global::type, at::kDouble},
    {"torch.float32", Global::type, at::kFloat},
    {"torch.float16", Global::type, at::kHalf},
    {"torch.bfloat16", Global::type, at::kBFloat16},
    {"torch.float8_e4m3fn", Global::type, at::kFloat8_e4m3fn},
    {"torch.float8_e5m2", Global::type, at::kFloat8_e5m2},
    {"torch.int64", Global::type, at::kLong},
    {"torch.int32", Global::type, at::kInt},
    {"torch.int16", Global::type, at::kShort},
    {"torch.int8", Global::type, at::kChar},
    {"torch.uint64", Global::type, at::kUInt64},
    {"torch.uint32", Global::type, at::kUInt32},
    {"torch.uint16", Global::type, at::kUInt16},
    {"torch.uint8", Global::type, at::kByte},
    {"torch.bool", Global::type, at::kBool},
};

// What stands on the machine's stack. Plain data that can hold no tensor keeps no more than its kind.
struct Node {
  enum class Kind { plain, integer, text, list, map, global, storage, tensor };

  Kind kind = Kind::plain;
  std::int64_t integer = 0;       // also: bytes of a storage
  std::string text = {};          // also: key of a storage
  std::vector<Node*> items = {};  // of a list, tuple or set; of a map key, value, key, value, …
  const Known* known = nullptr;   // a global; of a storage, its type
  PickledTensor* tensor = nullptr;
};
using Kind = Node::Kind;

// Text of a file that stands in a message: not too long, and printable.
std::string shown(std::string_view text) {
  std::string result(text.substr(0, 80));
  for (char& letter : result)
    if (static_cast<unsigned char>(letter) < ' ') letter = '?';
  return text.size() > 80 ? result + "…" : result;
}

// Runs a pickle's opcodes. All that is made lives as long as the machine, and is freed with it: what refers to itself
// needs no care.
class Machine {
 public:
  Machine(const std::string& path, std::string_view bytes) : path_(path), bytes_(bytes) {}

  const Node& run() {
    if (byte() != PROTO) fail_here("does not begin with its protocol's number: it is not by torch.save");
    const unsigned protocol = byte();
    if (protocol < 2 || protocol > 5) fail_here("is of protocol " + std::to_string(protocol) + "; expected 2 to 5");
    for (;;) {
      const unsigned char opcode = byte();
      if (opcode == STOP) break;
      if (!push_scalar(opcode) && !push_container(opcode) && !fill_container(opcode) && !use_memo(opcode) &&
          !use_global(opcode))
        fail_here("has opcode " + std::to_string(opcode) + ", which torch.save does not write");
    }
    return *pop();
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw FormatError(Origin{path_, 0, 0}, "its pickle " + message);
  }

 private:
  [[noreturn]] void fail_here(const std::string& message) const {
    fail(message + " (byte " + std::to_string(place_ > 0 ? place_ - 1 : 0) + ")");
  }

  // --- the bytes ---

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - place_)
      fail("was cut short: " + std::to_string(count) + " bytes expected at byte " + std::to_string(place_) +
           ", found " + std::to_string(bytes_.size() - place_));
    const std::string_view taken = bytes_.substr(place_, static_cast<std::size_t>(count));
    place_ += static_cast<std::size_t>(count);
    return taken;
  }
  unsigned char byte() { return static_cast<unsigned char>(take(1)[0]); }
  template <class Number>
  Number number() {
    Number number = 0;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    return number;
  }
  std::string line() {
    const std::size_t end = bytes_.find('\n', place_);
    if (end == std::string_view::npos) fail("was cut short: no end of a line after byte " + std::to_string(place_));
    const std::string text(take(end - place_));
    take(1);
    return text;
  }

  // --- the stack ---

  Node* make(Kind kind) {
    Node& node = nodes_.emplace_back();
    node.kind = kind;
    return &node;
  }
  Node* push(Kind kind) {
    stack_.push_back(make(kind));
    return stack_.back();
  }
  Node* pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail_here("is damaged: nothing on its stack");
    Node* top = stack_.back();
    stack_.pop_back();
    return top;
  }
  Node* top() {
    Node* node = pop();
    stack_.push_back(node);
    return node;
  }
  std::vector<Node*> pop_to_mark() {
    if (marks_.empty()) fail_here("is damaged: no mark on its stack");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Node*> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }

  // --- opcodes ---

  bool push_text(std::uint64_t length) {
    const std::string_view text = take(length);
    push(Kind::text)->text = text;
    return true;
  }
  bool push_integer(std::int64_t integer) {
    push(Kind::integer)->integer = integer;
    return true;
  }
  bool push_plain() {
    stack_.push_back(&plain_);
    return true;
  }
  // Little-endian, in two's complement; one of more than 64 bits is no size and no offset.
  bool push_long(std::uint64_t length) {
    const std::string_view digits = take(length);
    if (length > 8) return push_plain();
    std::uint64_t value = length > 0 && (digits.back() & 0x80) ? ~std::uint64_t{0} : 0;
    std::memcpy(&value, digits.data(), digits.size());
    return push_integer(static_cast<std::int64_t>(value));
  }

  bool push_scalar(unsigned char opcode) {
    switch (opcode) {
      case BINFLOAT:
        take(8);
        return push_plain();
      case BININT:
        return push_integer(number<std::int32_t>());
      case BININT1:
        return push_integer(number<std::uint8_t>());
      case BININT2:
        return push_integer(number<std::uint16_t>());
      case LONG1:
        return push_long(number<std::uint8_t>());
      case LONG4:
        return push_long(number<std::uint32_t>());
      case NONE:
      case NEWTRUE:
      case NEWFALSE:
        return push_plain();
      case SHORT_BINSTRING:
      case SHORT_BINBYTES:
      case SHORT_BINUNICODE:
        return push_text(number<std::uint8_t>());
      case BINSTRING:
      case BINBYTES:
      case BINUNICODE:
        return push_text(number<std::uint32_t>());
      case BINBYTES8:
      case BYTEARRAY8:
      case BINUNICODE8:
        return push_text(number<std::uint64_t>());
      default:
        return false;
    }
  }

  bool push_items(Kind kind, std::vector<Node*> items) {
    if (kind == Kind::map && items.size() % 2 != 0) fail_here("is damaged: a key without a value");
    push(kind)->items = std::move(items);
    return true;
  }
  bool push_last(int count) {
    std::vector<Node*> items(static_cast<std::size_t>(count));
    for (auto item = items.rbegin(); item != items.rend(); ++item) *item = pop();
    return push_items(Kind::list, std::move(items));
  }

  bool push_container(unsigned char opcode) {
    switch (opcode) {
      case MARK:
        marks_.push_back(stack_.size());
        return true;
      case EMPTY_LIST:
      case EMPTY_TUPLE:
      case EMPTY_SET:
        return push_items(Kind::list, {});
      case EMPTY_DICT:
        return push_items(Kind::map, {});
      case LIST:
      case TUPLE:
      case FROZENSET:
        return push_items(Kind::list, pop_to_mark());
      case DICT:
        return push_items(Kind::map, pop_to_mark());
      case TUPLE1:
      case TUPLE2:
      case TUPLE3:
        return push_last(opcode - TUPLE1 + 1);
      default:
        return false;
    }
  }

  bool add(Kind kind, const std::vector<Node*>& items) {
    Node* container = top();
    if (container->kind != kind || (kind == Kind::map && items.size() % 2 != 0))
      fail_here("is damaged: items for what is no " + std::string(kind == Kind::map ? "dictionary" : "list"));
    container->items.insert(container->items.end(), items.begin(), items.end());
    return true;
  }

  bool fill_container(unsigned char opcode) {
    switch (opcode) {
      case APPEND:
        return add(Kind::list, {pop()});
      case APPENDS:
      case ADDITEMS:
        return add(Kind::list, pop_to_mark());
      case SETITEM: {
        Node *value = pop(), *key = pop();
        return add(Kind::map, {key, value});
      }
      case SETITEMS:
        return add(Kind::map, pop_to_mark());
      default:
        return false;
    }
  }

  bool remember(std::uint32_t place) {
    memo_[place] = top();
    return true;
  }
  bool recall(std::uint32_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end())
      fail_here("is damaged: it refers to a value " + std::to_string(place) + " that is not there");
    stack_.push_back(found->second);
    return true;
  }

  bool use_memo(unsigned char opcode) {
    switch (opcode) {
      case BINPUT:
        return remember(number<std::uint8_t>());
      case LONG_BINPUT:
        return remember(number<std::uint32_t>());
      case MEMOIZE:
        return remember(static_cast<std::uint32_t>(memo_.size()));
      case BINGET:
        return recall(number<std::uint8_t>());
      case LONG_BINGET:
        return recall(number<std::uint32_t>());
      case FRAME:
        take(8);
        return true;
      default:
        return false;
    }
  }

  bool use_global(unsigned char opcode) {
    switch (opcode) {
      case GLOBAL: {
        const std::string module = line();
        return push_global(module, line());
      }
      case STACK_GLOBAL: {
        const Node *name = pop(), *module = pop();
        if (name->kind != Kind::text || module->kind != Kind::text) fail_here("is damaged: a global without a name");
        return push_global(module->text, name->text);
      }
      case REDUCE: {
        const Node *arguments = pop(), *function = pop();
        if (function->kind != Kind::global || arguments->kind != Kind::list)
          fail_here("calls what is no function that a tensor is made with");
        stack_.push_back(call(*function->known, arguments->items));
        return true;
      }
      case BUILD:
        // A state dict's _metadata. It is an attribute beside the items, and holds no tensor.
        pop();
        if (top()->kind != Kind::map) fail_here("sets the state of what is no dictionary");
        return true;
      case BINPERSID:
        stack_.push_back(storage(*pop()));
        return true;
      default:
        return false;
    }
  }

  bool push_global(const std::string& module, const std::string& name) {
    const std::string wanted = module + "." + name;
    for (const Known& known : known_globals)
      if (wanted == known.name) {
        push(Kind::global)->known = &known;
        return true;
      }
    fail("asks for '" + shown(wanted) +
         "'; expected tensors, dictionaries, lists, numbers and texts alone, since nothing that a file asks for is "
         "executed. Save the tensors by themselves: torch.save(model.state_dict(), FILE)");
  }

  // --- what torch calls to put a tensor together ---

  [[noreturn]] void wrong_arguments(const std::string& name) {
    fail_here("is damaged: " + name + " is given what it does not take");
  }

  Node* call(const Known& function, const std::vector<Node*>& given) {
    const bool has_tensor = !given.empty() && given[0]->kind == Kind::tensor;
    const bool has_list = given.size() == 1 && given[0]->kind == Kind::list;
    switch (function.global) {
      case Global::ordered_dict:
        if (given.empty()) return make(Kind::map);
        if (has_list) return map_of(given[0]->items);
        break;
      case Global::list:
        if (has_list) return given[0];
        break;
      case Global::plain:
        return &plain_;
      case Global::parameter:
        if (has_tensor) return given[0];
        break;
      case Global::tensor:
      case Global::tensor_v2:
      case Global::tensor_v3:
        return tensor(function, given);
      case Global::storage:
      case Global::type:
        break;
    }
    wrong_arguments(function.name);
  }

  // OrderedDict([(key, value), …])
  Node* map_of(const std::vector<Node*>& pairs) {
    copied_ += pairs.size();
    if (copied_ > bytes_.size()) fail_here("makes dictionaries of one list again and again");
    Node* map = make(Kind::map);
    for (const Node* pair : pairs) {
      if (pair->kind != Kind::list || pair->items.size() != 2) wrong_arguments("collections.OrderedDict");
      map->items.insert(map->items.end(), pair->items.begin(), pair->items.end());
    }
    return map;
  }

  // ('storage', type, key, device, elements)
  Node* storage(const Node& id) {
    const auto& parts = id.items;
    const bool is_storage = id.kind == Kind::list && parts.size() == 5 && parts[0]->kind == Kind::text &&
                            parts[0]->text == "storage" && parts[1]->kind == Kind::global &&
                            parts[1]->known->global == Global::storage && parts[2]->kind == Kind::text &&
                            parts[4]->kind == Kind::integer && parts[4]->integer >= 0;
    if (!is_storage) fail_here("refers to something outside that is no storage");
    Node* node = make(Kind::storage);
    node->known = parts[1]->known;
    node->text = parts[2]->text;
    const auto size = static_cast<std::int64_t>(c10::elementSize(node->known->type));
    if (__builtin_mul_overflow(parts[4]->integer, size, &node->integer))
      fail("has a storage '" + shown(node->text) + "' of " + std::to_string(parts[4]->integer) + " elements");
    return node;
  }

  bool read_sizes(const Node& list, std::vector<std::int64_t>& sizes) {
    constexpr std::size_t most = 16;
    if (list.kind != Kind::list || list.items.size() > most) return false;
    for (const Node* item : list.items) {
      if (item->kind != Kind::integer || item->integer < 0) return false;
      sizes.push_back(item->integer);
    }
    return true;
  }

  // (storage, offset, shape, strides); v2: requires_grad, hooks [, metadata]; v3: requires_grad, hooks, type [,
  // metadata]
  Node* tensor(const Known& function, const std::vector<Node*>& given) {
    const std::size_t least = function.global == Global::tensor ? 4 : function.global == Global::tensor_v2 ? 6 : 7;
    const std::size_t most = least == 4 ? 4 : least + 1;
    if (given.size() < least || given.size() > most || given[0]->kind != Kind::storage ||
        given[1]->kind != Kind::integer || given[1]->integer < 0)
      wrong_arguments(function.name);
    PickledTensor& made = tensors_.emplace_back();
    made.type = given[0]->known->type;
    if (function.global == Global::tensor_v3) {
      if (given[6]->kind != Kind::global || given[6]->known->global != Global::type) wrong_arguments(function.name);
      made.type = given[6]->known->type;
    }
    if (given.size() > 6 && given.size() == most && !given.back()->items.empty())
      fail_here("has a tensor with its sign or imaginary part turned round (conj, neg); save it as x.resolve_neg()");
    made.offset = given[1]->integer;
    made.storage = given[0]->text;
    made.storage_bytes = given[0]->integer;
    if (!read_sizes(*given[2], made.shape) || !read_sizes(*given[3], made.strides) ||
        made.shape.size() != made.strides.size())
      wrong_arguments(function.name);
    check_bounds(made);
    Node* node = make(Kind::tensor);
    node->tensor = &made;
    return node;
  }

  void check_bounds(const PickledTensor& tensor) const {
    const std::int64_t held = tensor.storage_bytes / static_cast<std::int64_t>(c10::elementSize(tensor.type));
    const std::int64_t count = element_count(tensor.shape, tensor.type);
    if (count == 0) return;
    std::int64_t last = tensor.offset;
    bool fits = count > 0 && count <= held;
    for (std::size_t i = 0; fits && i < tensor.shape.size(); ++i) {
      std::int64_t way = 0;
      fits = !__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &way) &&
             !__builtin_add_overflow(last, way, &last);
    }
    if (!fits || last >= held)
      fail("has a tensor " + shape_text(tensor.shape) + ", strides " + shape_text(tensor.strides) + ", at element " +
           std::to_string(tensor.offset) + " of storage '" + shown(tensor.storage) + "', which holds " +
           std::to_string(held) + " elements");
  }

  const std::string path_;
  const std::string_view bytes_;
  std::size_t place_ = 0;
  std::size_t copied_ = 0;  // pairs
  Node plain_;              // one for all: nothing is asked of it
  std::deque<Node> nodes_;
  std::deque<PickledTensor> tensors_;
  std::vector<Node*> stack_;
  std::vector<std::size_t> marks_;  // places in the stack
  std::unordered_map<std::uint32_t, Node*> memo_;
};

// Finds the tensors in a value, and names them by the way to them.
class Collector {
 public:
  explicit Collector(const Machine& machine) : machine_(machine) {}

  std::vector<PickledTensor> collect(const Node& root) {
    visit(root, "", 0);
    return std::move(found_);
  }

 private:
  static constexpr std::size_t most_values = 1'000'000;
  static constexpr int deepest = 50;
  static constexpr std::size_t longest_name = 300;
  static constexpr std::size_t most_tensors = 100'000;

  // A value may stand in itself, or a hundred times in one that stands a hundred times in another.
  void visit(const Node& node, const std::string& name, int depth) {
    if (++seen_ > most_values) machine_.fail("holds more than " + std::to_string(most_values) + " values");
    if (depth > deepest) machine_.fail("is nested more than " + std::to_string(deepest) + " levels deep");
    if (node.kind == Kind::tensor) {
      add(*node.tensor, name.empty() ? "tensor" : name);
    } else if (node.kind == Kind::list) {
      for (std::size_t i = 0; i < node.items.size(); ++i)
        visit(*node.items[i], below(name, std::to_string(i)), depth + 1);
    } else if (node.kind == Kind::map) {
      for (std::size_t i = 0; i < node.items.size(); i += 2)
        visit(*node.items[i + 1], below(name, key_text(*node.items[i])), depth + 1);
    }
  }
  std::string key_text(const Node& key) const {
    if (key.kind == Kind::integer) return std::to_string(key.integer);
    if (key.kind != Kind::text) machine_.fail("has a dictionary with a key that is neither a text nor an integer");
    return key.text;
  }
  std::string below(const std::string& name, const std::string& key) const {
    if (name.size() + key.size() >= longest_name)
      machine_.fail("has a name of more than " + std::to_string(longest_name) + " bytes: '" + shown(name + "." + key) +
                    "'");
    return name.empty() ? key : name + "." + key;
  }
  void add(const PickledTensor& tensor, const std::string& name) {
    if (!names_.insert(name).second) machine_.fail("has two tensors '" + shown(name) + "'; expected one");
    if (found_.size() == most_tensors) machine_.fail("has more than " + std::to_string(most_tensors) + " tensors");
    found_.push_back(tensor);
    found_.back().name = name;
  }

  const Machine& machine_;
  std::size_t seen_ = 0;
  std::unordered_set<std::string> names_;
  std::vector<PickledTensor> found_;
};

}  // namespace

std::vector<PickledTensor> read_pickle(const std::string& path, std::string_view bytes) {
  Machine machine(path, bytes);
  const Node& root = machine.run();
  return Collector(machine).collect(root);
}

}  // namespace atp
