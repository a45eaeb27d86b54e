package tiff

import "fmt"

// Tag identifies a field of a directory.
type Tag uint16

// The tags that this module reads or writes.
const (
	TagNewSubfileType   Tag = 254
	TagImageWidth       Tag = 256
	TagImageLength      Tag = 257
	TagBitsPerSample    Tag = 258
	TagCompression      Tag = 259
	TagPhotometric      Tag = 262
	TagFillOrder        Tag = 266
	TagImageDescription Tag = 270
	TagStripOffsets     Tag = 273
	TagSamplesPerPixel  Tag = 277
	TagRowsPerStrip     Tag = 278
	TagStripByteCounts  Tag = 279
	TagPlanarConfig     Tag = 284
	TagDateTime         Tag = 306
	TagArtist           Tag = 315
	TagPredictor        Tag = 317
	TagColorMap         Tag = 320
	TagTileWidth        Tag = 322
	TagTileLength       Tag = 323
	TagTileOffsets      Tag = 324
	TagTileByteCounts   Tag = 325
	TagExtraSamples     Tag = 338
	TagSampleFormat     Tag = 339
	TagJPEGTables       Tag = 347
	TagYCbCrSubsampling Tag = 530
	TagXMP              Tag = 700
	TagCopyright        Tag = 33432
	TagModelPixelScale  Tag = 33550
	TagModelTiepoint    Tag = 33922
	TagModelTransform   Tag = 34264
	TagICCProfile       Tag = 34675
	TagGeoKeyDirectory  Tag = 34735
	TagGeoDoubleParams  Tag = 34736
	TagGeoASCIIParams   Tag = 34737
	TagGDALMetadata     Tag = 42112
	TagGDALNoData       Tag = 42113
	TagRPCCoefficients  Tag = 50844
)

// FieldType is the type of the values of a field.
type FieldType uint16

// The types of TIFF 6.0 and of BigTIFF.
const (
	TypeByte      FieldType = 1
	TypeASCII     FieldType = 2
	TypeShort     FieldType = 3
	TypeLong      FieldType = 4
	TypeRational  FieldType = 5
	TypeSByte     FieldType = 6
	TypeUndefined FieldType = 7
	TypeSShort    FieldType = 8
	TypeSLong     FieldType = 9
	TypeSRational FieldType = 10
	TypeFloat     FieldType = 11
	TypeDouble    FieldType = 12
	TypeIFD       FieldType = 13
	TypeLong8     FieldType = 16
	TypeSLong8    FieldType = 17
	TypeIFD8      FieldType = 18
)

// Size is the length of a value in bytes, and 0 for an unknown type.
func (t FieldType) Size() int {
	switch t {
	case TypeByte, TypeASCII, TypeSByte, TypeUndefined:
		return 1
	case TypeShort, TypeSShort:
		return 2
	case TypeLong, TypeSLong, TypeFloat, TypeIFD:
		return 4
	case TypeRational, TypeSRational, TypeDouble, TypeLong8, TypeSLong8, TypeIFD8:
		return 8
	default:
		return 0
	}
}

// word is the unit in which values of a type are stored in the byte order of
// the file.
func (t FieldType) word() int {
	if t == TypeRational || t == TypeSRational {
		return 4
	}

	return max(1, t.Size())
}

// Compression is the value of the tag of this name.
type Compression uint16

// The compressions that can be read. AdobeDeflate and Deflate are the same.
const (
	None         Compression = 1
	LZW          Compression = 5
	JPEG         Compression = 7
	AdobeDeflate Compression = 8
	PackBits     Compression = 32773
	Deflate      Compression = 32946
	Zstd         Compression = 50000
)

var compressions = map[Compression]string{
	None: "none", 2: "ccitt", 3: "ccitt fax 3", 4: "ccitt fax 4", LZW: "lzw", 6: "old jpeg", JPEG: "jpeg",
	AdobeDeflate: "deflate", 9: "jbig", 10: "jbig", PackBits: "packbits", Deflate: "deflate", 34661: "jbig",
	34712: "jpeg2000", 34887: "lerc", 34925: "lzma", Zstd: "zstd", 50001: "webp", 50002: "jxl",
}

// String returns the name that GDAL uses, in lower case.
func (c Compression) String() string {
	if name, known := compressions[c]; known {
		return name
	}

	return fmt.Sprintf("compression %d", uint16(c))
}

// Photometric is the meaning of the bands of an image.
type Photometric uint16

// The interpretations that can be read. YCbCr only with JPEG.
const (
	WhiteIsZero Photometric = 0
	BlackIsZero Photometric = 1
	RGB         Photometric = 2
	Palette     Photometric = 3
	YCbCr       Photometric = 6
)

var photometrics = map[Photometric]string{
	WhiteIsZero: "white is zero", BlackIsZero: "black is zero", RGB: "rgb", Palette: "palette", 4: "mask",
	5: "cmyk", YCbCr: "ycbcr", 8: "cielab", 9: "icclab", 10: "itulab", 32803: "cfa", 34892: "linear raw",
}

func (p Photometric) String() string {
	if name, known := photometrics[p]; known {
		return name
	}

	return fmt.Sprintf("photometric %d", uint16(p))
}

// Predictors.
const (
	NoPredictor         = 1
	HorizontalPredictor = 2
	FloatPredictor      = 3
)

// Values of ExtraSamples.
const (
	ExtraAssociatedAlpha = 1
	ExtraAlpha           = 2
)

// Bits of NewSubfileType.
const (
	SubfileReduced = 1
	SubfileMask    = 4
)

// tagNames are the names of tags in messages.
var tagNames = map[Tag]string{
	TagImageWidth: "ImageWidth", TagImageLength: "ImageLength", TagBitsPerSample: "BitsPerSample",
	TagCompression: "Compression", TagPhotometric: "PhotometricInterpretation", TagStripOffsets: "StripOffsets",
	TagSamplesPerPixel: "SamplesPerPixel", TagRowsPerStrip: "RowsPerStrip", TagStripByteCounts: "StripByteCounts",
	TagPlanarConfig: "PlanarConfiguration", TagPredictor: "Predictor", TagColorMap: "ColorMap",
	TagTileWidth: "TileWidth", TagTileLength: "TileLength", TagTileOffsets: "TileOffsets",
	TagTileByteCounts: "TileByteCounts", TagExtraSamples: "ExtraSamples", TagSampleFormat: "SampleFormat",
	TagJPEGTables: "JPEGTables", TagModelPixelScale: "ModelPixelScale", TagModelTiepoint: "ModelTiepoint",
	TagModelTransform: "ModelTransformation", TagGeoKeyDirectory: "GeoKeyDirectory",
	TagGeoDoubleParams: "GeoDoubleParams", TagGeoASCIIParams: "GeoAsciiParams", TagGDALMetadata: "GDAL_METADATA",
	TagGDALNoData: "GDAL_NODATA",
}
