package results

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"scalenet/internal/brief"
	"scalenet/internal/spelling"
)

// Format is a format of results.
type Format string

// The formats.
const (
	Text        Format = "text"
	JSONLines   Format = "jsonl"
	CSV         Format = "csv"
	COCO        Format = "coco"
	YOLO        Format = "yolo"
	VOC         Format = "voc"
	LabelStudio Format = "labelstudio"
)

// Formats returns the names of all formats.
func Formats() []string {
	return []string{string(Text), string(JSONLines), string(CSV), string(COCO), string(YOLO), string(VOC), string(LabelStudio)}
}

// ParseFormat returns the format of a name. The error of an unknown name suggests a similar one.
func ParseFormat(name string) (Format, error) {
	if known := Formats(); !slices.Contains(known, name) {
		quote := func(s string) string { return s }
		return "", fmt.Errorf("%q: want %s%s", brief.Text(name), spelling.Alternatives(known), spelling.DidYouMean(name, known, quote))
	}
	return Format(name), nil
}

// PerImage reports whether the format has one file per image, for which Options.Put is needed. The others write to Options.To.
func (f Format) PerImage() bool { return f == YOLO || f == VOC }

// TakesFrames reports whether the format can hold video frames. Label Studio shows images by their addresses, and frames have none.
func (f Format) TakesFrames() bool { return f != LabelStudio }

// Files returns the names of the files that the format writes below the output folder, for images with the given Image.Out and Options.Continues. The files
// of video frames, whose number is not known, are not among them: frame 7 of clip.jpg is in clip_000007.txt.
func (f Format) Files(outs []string, continues bool) (names []string) {
	if !f.PerImage() {
		return nil
	}
	for _, out := range outs {
		if out != "" {
			names = append(names, f.file(out, nil))
		}
	}
	if f == YOLO && !continues {
		names = append(names, yoloNames)
	}
	return names
}

// file returns the name of the file of an image.
func (f Format) file(out string, frame *Frame) string {
	folder, extension := "labels", ".txt"
	if f == VOC {
		folder, extension = "Annotations", ".xml"
	}
	return path.Join(folder, numbered(out, frame)+extension)
}

// numbered returns the name of an image without extension, with the index of a frame.
func numbered(out string, frame *Frame) string {
	stem := strings.TrimSuffix(out, path.Ext(out))
	if frame != nil {
		stem += fmt.Sprintf("_%06d", frame.Index)
	}
	return stem
}
