#include <arrow/api.h>
#include <arrow/io/file.h>
#include <atp/error.h>
#include <atp/plugin.h>
#include <atp/reader.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

#include <cmath>
#include <cstdint>

// Parquet, as the Hugging Face Hub serves its data sets.
namespace {

using atp::DataError;
using atp::Value;

constexpr std::int64_t rows_at_once = 1024;

// One of a column's values. Lists and structs nest; what has no like in JSON (a date, a decimal) is its text.
class Cells {
 public:
  Cells(const std::string& file, std::string column) : file_(file), column_(std::move(column)) {}

  Value value(const arrow::Array& array, std::int64_t at) const {
    if (array.IsNull(at)) return {};
    switch (array.type_id()) {
      case arrow::Type::BOOL:
        return static_cast<const arrow::BooleanArray&>(array).Value(at);
      case arrow::Type::STRING:
      case arrow::Type::BINARY:
        return std::string(static_cast<const arrow::BinaryArray&>(array).GetView(at));
      case arrow::Type::LARGE_STRING:
      case arrow::Type::LARGE_BINARY:
        return std::string(static_cast<const arrow::LargeBinaryArray&>(array).GetView(at));
      case arrow::Type::FLOAT:
        return static_cast<double>(static_cast<const arrow::FloatArray&>(array).Value(at));
      case arrow::Type::DOUBLE:
        return static_cast<const arrow::DoubleArray&>(array).Value(at);
      case arrow::Type::LIST:
        return list<arrow::ListArray>(array, at);
      case arrow::Type::LARGE_LIST:
        return list<arrow::LargeListArray>(array, at);
      case arrow::Type::FIXED_SIZE_LIST:
        return list<arrow::FixedSizeListArray>(array, at);
      case arrow::Type::STRUCT:
        return record(static_cast<const arrow::StructArray&>(array), at);
      case arrow::Type::DICTIONARY: {
        const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
        return value(*coded.dictionary(), coded.GetValueIndex(at));
      }
      default:
        return other(array, at);
    }
  }

 private:
  template <class List>
  Value list(const arrow::Array& array, std::int64_t at) const {
    const auto& lists = static_cast<const List&>(array);
    Value result = Value::list();
    const std::int64_t begin = lists.value_offset(at), end = begin + lists.value_length(at);
    for (std::int64_t i = begin; i < end; ++i) result.push_back(value(*lists.values(), i));
    return result;
  }

  Value record(const arrow::StructArray& structs, std::int64_t at) const {
    Value result = Value::map();
    for (int i = 0; i < structs.num_fields(); ++i) {
      result.set(structs.struct_type()->field(i)->name(), value(*structs.field(i), at));
    }
    return result;
  }

  template <class Array>
  static Value integer(const arrow::Array& array, std::int64_t at) {
    return static_cast<std::int64_t>(static_cast<const Array&>(array).Value(at));
  }

  Value other(const arrow::Array& array, std::int64_t at) const {
    switch (array.type_id()) {
      case arrow::Type::INT8:
        return integer<arrow::Int8Array>(array, at);
      case arrow::Type::INT16:
        return integer<arrow::Int16Array>(array, at);
      case arrow::Type::INT32:
        return integer<arrow::Int32Array>(array, at);
      case arrow::Type::INT64:
        return integer<arrow::Int64Array>(array, at);
      case arrow::Type::UINT8:
        return integer<arrow::UInt8Array>(array, at);
      case arrow::Type::UINT16:
        return integer<arrow::UInt16Array>(array, at);
      case arrow::Type::UINT32:
        return integer<arrow::UInt32Array>(array, at);
      default:
        break;
    }
    const auto scalar = array.GetScalar(at);
    if (!scalar.ok()) {
      throw DataError({file_},
                      "its column '" + column_ + "' has the type " + array.type()->ToString() + ", which is not read");
    }
    return (*scalar)->ToString();
  }

  const std::string& file_;
  std::string column_;
};

class ParquetReader final : public atp::RowReader {
 public:
  void read(const std::string& path, const std::string& name,
            const std::function<void(Value fields)>& row) const override try {
    const auto check = [&](const arrow::Status& status) {
      if (!status.ok()) throw DataError({name}, "no Parquet file, or a broken one: " + status.message());
    };
    auto file = arrow::io::ReadableFile::Open(path);
    check(file.status());
    parquet::arrow::FileReaderBuilder builder;
    check(builder.Open(*file));
    parquet::ArrowReaderProperties properties(false);  // in this thread
    properties.set_batch_size(rows_at_once);
    properties.set_pre_buffer(false);  // nor in memory before it is wanted
    std::unique_ptr<parquet::arrow::FileReader> reader;
    check(builder.properties(properties)->Build(&reader));
    auto batches = reader->GetRecordBatchReader();
    check(batches.status());
    std::shared_ptr<arrow::RecordBatch> batch;
    int number = 0;
    for (check((*batches)->ReadNext(&batch)); batch; check((*batches)->ReadNext(&batch))) {
      hand_out(*batch, name, number, row);
    }
  } catch (const parquet::ParquetException& error) {
    throw DataError({name}, std::string("no Parquet file, or a broken one: ") + error.what());
  }

 private:
  static void hand_out(const arrow::RecordBatch& batch, const std::string& name, int& number,
                       const std::function<void(Value fields)>& row) {
    std::vector<Cells> columns;
    for (int i = 0; i < batch.num_columns(); ++i) columns.emplace_back(name, batch.column_name(i));
    for (std::int64_t at = 0; at < batch.num_rows(); ++at) {
      Value fields = Value::map();
      for (int i = 0; i < batch.num_columns(); ++i) {
        fields.members().emplace_back(batch.column_name(i),
                                      columns[static_cast<std::size_t>(i)].value(*batch.column(i), at));
      }
      fields.origin = {name, ++number};
      row(std::move(fields));
    }
  }
};

}  // namespace

ATP_PLUGIN(registry) {
  registry.add(atp::Offer<atp::RowReader>{
      "parquet", "Parquet files, as the Hugging Face Hub serves them", {}, [](const atp::Params&) {
        return std::make_shared<ParquetReader>();
      }});
}
