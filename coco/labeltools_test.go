package coco

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// labelled opens a made folder, and describes what was read: images with their objects, changes, faults and what is not annotated.
func labelled(t *testing.T, files string, opt Options) (images, changes, told []string, err error) {
	dir := makeFolder(t, files)
	opt.Report = func(err error) { told = append(told, strings.ReplaceAll(err.Error(), dir+"/", "")) }
	opt.Unannotated = func(err error) { told = append(told, "not annotated: "+strings.ReplaceAll(err.Error(), dir+"/", "")) }
	d, err := Open(dir, opt)
	if err != nil {
		return nil, nil, told, err
	}
	for i, img := range d.Images {
		text := fmt.Sprintf("%s %dx%d", img.FileName, img.Width, img.Height)
		for _, at := range d.Objects(i) {
			a := d.Annotations[at]
			text += fmt.Sprintf("; %s %v", d.Categories[a.Class-1].Name, a.Box)
			for flag, on := range map[string]bool{" crowd": a.Crowd, " ignore": a.Ignore, " difficult": a.Difficult, " truncated": a.Truncated} {
				if on {
					text += flag
				}
			}
		}
		images = append(images, text)
	}
	for _, k := range d.Changes.Kinds() {
		changes = append(changes, fmt.Sprintf("%d %s", k.Count, k.Kind))
	}
	return images, changes, told, nil
}

func labelMeText(image, shapes string) string {
	return flat(fmt.Sprintf(`{"version": "5.5.0", "shapes": [%s], "imagePath": %q, "imageData": null, "imageHeight": 10, "imageWidth": 20}`, shapes, image))
}

const rectangleShape = `{"label": "cat", "points": [[11, 7], [1, 2]], "shape_type": "rectangle"}`

func TestLabelMe(t *testing.T) {
	for name, c := range map[string]struct {
		files                 string
		images, changes, told []string
	}{
		"beside": {files: "a.png\nb.png\na.json>" + labelMeText("a.png", rectangleShape),
			images: []string{"a.png 20x10; cat [1 2 10 5]"}, told: []string{"not annotated: b.png: no annotation file of this name"}},
		"backslash":   {files: "a/b.png\na\\b.png\nx.json>" + labelMeText(`a\b.png`, rectangleShape), images: []string{`a\b.png 20x10; cat [1 2 10 5]`}, told: []string{"not annotated: a/b.png"}},
		"empty":       {files: "a.png\na.json>" + labelMeText("a.png", ""), images: []string{"a.png 20x10"}},
		"path":        {files: "i/a.png\nj/x.json>" + labelMeText(`..\i\a.png`, rectangleShape), images: []string{"i/a.png 20x10; cat [1 2 10 5]"}},
		"other path":  {files: "i/a.png\nj/a.json>" + labelMeText(`C:\photos\b.png`, rectangleShape), images: []string{"i/a.png 20x10; cat [1 2 10 5]"}},
		"no size":     {files: "a.png\na.json>{\"shapes\": []}", images: []string{"a.png 0x0"}},
		"long string": {files: "a.png\na.json>{\"shapes\": [], \"imageData\": \"" + strings.Repeat("A", 3<<20) + `\\"}`, images: []string{"a.png 0x0"}},
		"sorted keys": {files: "a.png\na.json>{\"flags\": {}, \"imageData\": \"" + strings.Repeat("A", maxSniff) + `", "imageHeight": 10, "imagePath": "a.png", "imageWidth": 20, "shapes": [` + rectangleShape + "]}",
			images: []string{"a.png 20x10; cat [1 2 10 5]"}},
		"flags": {files: "a.png\na.json>" + labelMeText("a.png", strings.Replace(rectangleShape, "}", `, "flags": {"truncated": true, "x": true}, "difficult": true}`, 1)),
			images: []string{"a.png 20x10; cat [1 2 10 5]"}},
		"ignore": {files: "a.png\na.json>" + labelMeText("a.png", strings.Replace(rectangleShape, "}", `, "flags": {"ignore": true}}`, 1)),
			images: []string{"a.png 20x10; cat [1 2 10 5] ignore"}},
		"kinds": {files: "a.png\na.json>" + labelMeText("a.png", strings.Join([]string{
			`{"label": "p", "points": [[1, 2], [3, 9], [2, 4]]}`, `{"label": "c", "points": [[5, 5], [8, 9]], "shape_type": "circle"}`,
			`{"label": "m", "points": [[1, 2], [3, 4]], "shape_type": "mask", "mask": "iVBO"}`,
			`{"label": "r", "points": [[5, 0], [10, 5], [5, 10], [0, 5]], "shape_type": "rotation"}`,
			`{"label": "x", "points": [[1, 2]], "shape_type": "point"}`, `{"label": "x", "points": [[1, 2], [3, 4]], "shape_type": "linestrip"}`}, ",")),
			images:  []string{"a.png 20x10; p [1 2 2 7]; c [0 0 10 10]; m [1 2 3 3]; r [0 0 10 10]"},
			changes: []string{"1 " + changedPolygon, "1 " + changedEllipse, "1 " + changedMask, "1 " + changedRotated, "1 point, left out", "1 linestrip, left out"}},
		"groups": {files: "a.png\na.json>" + labelMeText("a.png", `{"label": "p", "group_id": 1, "points": [[1, 2], [3, 9], [2, 4]]},
			{"label": "p", "group_id": 1, "points": [[11, 2], [13, 9], [12, 4]]}, {"label": "q", "group_id": 1, "points": [[1, 2], [3, 9], [2, 4]]}`),
			images:  []string{"a.png 20x10; p [1 2 12 7]; q [1 2 2 7]"},
			changes: []string{"3 " + changedPolygon, "1 shapes of one group_id, joined"}},
		"faults": {files: "a.png\na.json>" + labelMeText("a.png", strings.Join([]string{`{"points": [[1, 2], [3, 4]], "shape_type": "rectangle"}`,
			`{"label": 5, "points": []}`, `{"label": "x", "points": [[1, 2], [3]]}`, `{"label": "x", "points": [[1, NaN], [3, 4], [5, 6]]}`,
			`{"label": "x", "points": [[1, 2], [3, 4]]}`, `{"label": "x", "points": [], "shape_type": "rectangle"}`,
			`{"label": "x", "points": [[1, 2]], "shape_type": "star"}`, `7`, `{"label": "x"}`, rectangleShape}, ",")),
			images: []string{"a.png 20x10; cat [1 2 10 5]"},
			told: []string{"a.json: shapes[0].label: missing", "a.json: shapes[1].label: byte 98: '5' where", "a.json: shapes[2].points: [1]: a list of 1 numbers, want 2",
				"a.json: shapes[3].points: [0]: [1]: NaN is not a finite number", "a.json: shapes[4].points: 2 points, a polygon has at least 3",
				"a.json: shapes[5].points: 0 points, a rectangle has at least 2", `a.json: shapes[6].shape_type: "star" is unknown`, "a.json: shapes[7]: byte", "a.json: shapes[8].points: missing"}},
		"broken": {files: "a.png\nb.png\na.json>" + labelMeText("a.png", rectangleShape) + "\nb.json>{\"shapes\": [",
			images: []string{"a.png 20x10; cat [1 2 10 5]"}, told: []string{"b.json: byte 12: "}},
		"alone": {files: "a.png\na.json>" + labelMeText("a.png", "") + "\nb.json>" + labelMeText("b.png", ""), images: []string{"a.png 20x10"},
			told: []string{`b.json: imagePath: no image at "b.png", and none of the file's name`}},
		"twice": {files: "a.png\na.json>" + labelMeText("a.png", "") + "\nb.json>" + labelMeText("a.png", ""), images: []string{"a.png 20x10"},
			told: []string{`b.json: imagePath: "a.png" is the image of "a.json" already`}},
		"overflow": {files: "a.png\na.json>" + labelMeText("a.png", `{"label": "x", "shape_type": "rectangle", "points": [[-1e308, 0], [1e308, 1]]}`), images: []string{"a.png 20x10"},
			told: []string{"a.json: shapes[0].points: a box of [-1e+308 0 +Inf 1]"}},
	} {
		t.Run(name, func(t *testing.T) {
			images, changes, told, err := labelled(t, c.files, Options{})
			requireLabelled(t, c.images, c.changes, c.told, images, changes, told, err)
		})
	}
}

// requireLabelled compares. What was told needs to begin as wanted.
func requireLabelled(t *testing.T, images, changes, told, gotImages, gotChanges, gotTold []string, err error) {
	t.Helper()
	require.NoError(t, err)
	for i, image := range gotImages { // the order of flags is that of a map
		gotImages[i], _, _ = strings.Cut(image, " difficult")
		gotImages[i], _, _ = strings.Cut(gotImages[i], " truncated")
	}
	require.Equal(t, images, gotImages)
	require.Equal(t, changes, gotChanges)
	require.Len(t, gotTold, len(told), "%q", gotTold)
	for i := range told {
		require.Contains(t, gotTold[i], told[i])
	}
}

// flat removes line breaks, which makeFolder takes for the end of a file.
func flat(text string) string { return strings.NewReplacer("\n", "", "\t", "").Replace(text) }

func cvatText(images string) string {
	return flat("<?xml version=\"1.0\" encoding=\"utf-8\"?><annotations><version>1.1</version><meta><task><labels><label><name>dog</name></label><label><name>cat</name>" +
		"<attributes><attribute><name>size</name></attribute></attributes></label></labels></task></meta>" + images + "</annotations>")
}

func cvatImageText(name, shapes string) string {
	return fmt.Sprintf(`<image id="0" name="%s" width="20" height="10">%s</image>`, name, shapes)
}

const cvatBoxText = `<box label="cat" xtl="1" ytl="2" xbr="11" ybr="7" occluded="0"/>`

func TestCVAT(t *testing.T) {
	for name, c := range map[string]struct {
		files, split          string
		images, changes, told []string
	}{
		"images":    {files: "images/a.png\nx.xml>" + cvatText(cvatImageText("a.png", cvatBoxText)+cvatImageText("b.png", "")), images: []string{"images/a.png 20x10; cat [1 2 10 5]", "b.png 20x10"}},
		"backslash": {files: "p/b\\a.png\np/b/a.png\nx.xml>" + cvatText(cvatImageText(`b\a.png`, "")+cvatImageText(`p\b\a.png`, "")), images: []string{`p/b\a.png 20x10`, "p/b/a.png 20x10"}},
		"blanks": {files: "a.png\nx.xml>" + strings.Replace(cvatText(cvatImageText("a.png", strings.Replace(cvatBoxText, "cat", " cat", 1))), "<name>cat<", "<name> cat<", 1),
			images: []string{"a.png 20x10;  cat [1 2 10 5]"}},
		"ignore": {files: "a.png\nx.xml>" + cvatText(cvatImageText("a.png", strings.Replace(cvatBoxText, "/>", `><attribute name="ignore">true</attribute></box>`, 1))),
			images: []string{"a.png 20x10; cat [1 2 10 5] ignore"}},
		"elsewhere":  {files: "p/q/a.png\np/r/a.png\nx.xml>" + cvatText(cvatImageText("r/a.png", cvatBoxText)), images: []string{"p/r/a.png 20x10; cat [1 2 10 5]"}},
		"unclear":    {files: "p/q/a.png\np/r/a.png\nx.xml>" + cvatText(cvatImageText("a.png", cvatBoxText)), told: []string{`x.xml: line 1: image[0]: it is unclear which image "a.png" is: ["p/q/a.png" "p/r/a.png"]`}},
		"no labels":  {files: "a.png\nx.xml><annotations>" + cvatImageText("a.png", cvatBoxText) + "</annotations>", images: []string{"a.png 20x10; cat [1 2 10 5]"}},
		"other name": {files: "a.png\nx.xml>" + cvatText(cvatImageText("a.png", strings.Replace(cvatBoxText, "cat", "cow", 1))), images: []string{"a.png 20x10"}, told: []string{`x.xml: line 1: image[0].box[0].label: "cow" is not a label of the task, these are ["dog" "cat"]`}},
		"subsets": {files: "a.png\nx.xml>" + cvatText(strings.Replace(cvatImageText("a.png", cvatBoxText), "id=", `subset="Train" id=`, 1)+
			strings.Replace(cvatImageText("b.png", "<box/>"), "id=", `subset="Validation" id=`, 1)), split: "train", images: []string{"a.png 20x10; cat [1 2 10 5]"}},
		"files": {files: "train/a.png\nval/a.png\nannotations_train.xml>" + cvatText(cvatImageText("a.png", cvatBoxText)) + "\nannotations_val.xml>" + cvatText(cvatImageText("a.png", "")),
			split: "val", images: []string{"val/a.png 20x10"}},
		"shapes": {files: "a.png\nx.xml>" + cvatText(cvatImageText("a.png", `<box label="cat" xtl="0" ytl="0" xbr="10" ybr="4" rotation="90"/>
			<polygon label="cat" points="1,2;3.5,9;2,4"/><ellipse label="cat" cx="5" cy="5" rx="2" ry="4" rotation="90"/>
			<mask label="cat" rle="1, 2, 3" left="3" top="4" width="3" height="2"/><mask label="cat" left="3" top="4" width="3" height="2"/><mask label="cat" rle="6" left="3" top="4" width="3" height="2"/>
			<cuboid label="cat" xtl1="1" ytl1="2" xbl1="1" ybl1="8" xtr1="7" ytr1="2" xbr1="7" ybr1="8" xtl2="3" ytl2="1" xbl2="3" ybl2="7" xtr2="9" ytr2="1" xbr2="9" ybr2="7"/>
			<polyline label="cat" points="1,2;3,4"/><points label="cat" points="1,2"/><tag label="dog"/><skeleton label="cat"><points label="1" points="1,2"/></skeleton>`)),
			images: []string{"a.png 20x10; cat [3 -3 4 10]; cat [1 2 2.5 7]; cat [1 3 8 4]; cat [4 4 2 1]; cat [3 4 3 2]; cat [1 1 8 7]"},
			changes: []string{"1 " + changedRotated, "1 " + changedPolygon, "1 " + changedEllipse, "2 " + changedMask, "1 " + changedEmpty, "1 " + changedCuboid,
				"1 polyline, left out", "1 points, left out", "1 tag, left out", "1 skeleton, left out"}},
		"faults": {files: "a.png\nx.xml>" + cvatText(cvatImageText("a.png", `<box label="cat" xtl="x" ytl="2" xbr="11" ybr="7"/>
			<box label="cat" xtl="1" ytl="2" xbr="0" ybr="7"/><box label="cat" ytl="2" xbr="0" ybr="7"/><box xtl="1" ytl="2" xbr="11" ybr="7"/><box label="cat" xtl="1" ytl="2" xbr="Inf" ybr="7"/>
			<polygon label="cat" points=""/><polygon label="cat" points="1,2;3"/><mask label="cat" rle="9" left="3" top="4" width="3" height="2"/><ellipse label="cat" cx="5" cy="5" rx="-2" ry="1e308"/>`)+
			strings.Replace(cvatImageText("", ""), "20", "-1", 1)), images: []string{"a.png 20x10"},
			told: []string{`x.xml: line 1: image[0].box[0].xtl: "x" is not a finite number`, "image[0].box[1].xbr: 0 is left of xtl 1", "image[0].box[2].xtl: missing", "image[0].box[3].label: missing",
				`image[0].box[4].xbr: "Inf" is not a finite number`, "image[0].polygon[0].points: no points in it", `image[0].polygon[1].points: [1]: "" is not a finite number`,
				"image[0].mask[0].rle: counts[0]: the runs have more than 2 x 3 pixels", "image[0].ellipse[0].ellipse: a box of", `line 1: image[1].width: "-1" is not a number of pixels`, "image[1]: no name of an image"}},
	} {
		t.Run(name, func(t *testing.T) {
			images, changes, told, err := labelled(t, c.files, Options{Split: c.split})
			requireLabelled(t, c.images, c.changes, c.told, images, changes, told, err)
		})
	}
	dir := makeFolder(t, "a.png\nx.xml>"+cvatText(cvatImageText("a.png", cvatBoxText)))
	d, err := Open(filepath.Join(dir, "x.xml"), Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"dog", "cat"}, d.ClassNames(), "the order of the task, and what has no objects")
	require.Equal(t, filepath.Join(dir, "a.png"), d.ImagePath(0))
	for text, want := range map[string]string{
		"<annotations><track id=\"0\"/></annotations>": "x.xml: line 1: track: this is CVAT for video, export the task as CVAT for images 1.1",
		"<annotations><image":                          "x.xml: byte 19, line 1: the file ends inside an element",
		"<annotations><image name=\"" + strings.Repeat("x", maxAnnotationFile+8<<10) + "\"/></annotations>": "more than 16777216 bytes for images[0]",
	} {
		_, err := Open(writeFile(t, filepath.Join(dir, "x.xml"), text), Options{})
		require.ErrorContains(t, err, want)
	}
}

func studioText(data, annotations string) string {
	return fmt.Sprintf(`[{"id": 1, "data": {%s}, "annotations": [%s], "predictions": []}]`, data, annotations)
}

func studioResult(kind, value string) string {
	return fmt.Sprintf(`{"id": "", "type": %q, "original_width": 200, "original_height": 100, "value": {%s}}`, kind, value)
}

const studioBox = `"x": 10, "y": 20, "width": 50, "height": 40, "rotation": 0, "rectanglelabels": ["cat"]`

func studioWork(results ...string) string {
	return `{"result": [` + strings.Join(results, ",") + `], "was_cancelled": false, "created_at": "2026-01-01"}`
}

func TestLabelStudio(t *testing.T) {
	box := studioWork(studioResult("rectanglelabels", studioBox))
	const read = " 200x100; cat [20 20 100 40]"
	for name, c := range map[string]struct {
		text                  string
		images, changes, told []string
	}{
		"name":      {text: studioText(`"image": "a.png"`, box), images: []string{"i/a.png" + read}},
		"local":     {text: studioText(`"image": "/data/local-files/?d=photos%2Fi/a.png"`, box), images: []string{"i/a.png" + read}},
		"upload":    {text: studioText(`"image": "/data/upload/12/0123abcd-a.png"`, box), images: []string{"i/a.png" + read}},
		"upload://": {text: studioText(`"image": "upload://12/0123abcd-a.png"`, box), images: []string{"i/a.png" + read}},
		"web":       {text: studioText(`"image": "https://host/x/a.png?size=5#x"`, box), images: []string{"i/a.png" + read}},
		"s3":        {text: studioText(`"photo": "s3://bucket/x/a.png", "note": "text"`, box), images: []string{"i/a.png" + read}},
		"missing":   {text: studioText(`"image": "b.png"`, box), images: []string{"b.png" + read}},
		"no file":   {text: studioText(`"image": "/data/local-files/?x=a.png"`, box), told: []string{`t.json: [0].data.image: "/data/local-files/?x=a.png": no d=FILE in the address`}},
		"as text":   {text: studioText(`"image": "data:image/png;base64,AAAA"`, box), told: []string{`t.json: [0].data.image: "data:image/png;base64,AAAA" is an image as text`}},
		"no image":  {text: studioText(`"text": "hello"`, box), told: []string{"t.json: [0].data.image: missing"}},
		"empty":     {text: studioText(`"image": "a.png"`, studioWork()), images: []string{"i/a.png 0x0"}},
		"not begun": {text: studioText(`"image": "a.png"`, ""), told: []string{"not annotated: t.json: [0].annotations: the task has none"}},
		"skipped":   {text: studioText(`"image": "a.png"`, `{"was_cancelled": true, "result": []}`), told: []string{"not annotated: t.json: [0].annotations: the task was skipped"}},
		"latest": {text: studioText(`"image": "a.png"`, strings.Replace(box, "2026", "2027", 1)+","+studioWork()), images: []string{"i/a.png" + read},
			changes: []string{"1 further annotation of a task, left out"}},
		"truth": {text: studioText(`"image": "a.png"`, strings.Replace(box, "{", `{"ground_truth": true, `, 1)+","+strings.Replace(studioWork(), "2026", "2028", 1)), images: []string{"i/a.png" + read},
			changes: []string{"1 further annotation of a task, left out"}},
		"former name": {text: strings.Replace(studioText(`"image": "a.png"`, box), "annotations", "completions", 1), images: []string{"i/a.png" + read}},
		"two entries": {text: studioText(`"image": "a.png"`, studioWork(`{"id": "q", "type": "rectangle", "original_width": 200, "original_height": 100, "value": {"x": 10, "y": 20, "width": 50, "height": 40}}`,
			`{"id": "q", "type": "labels", "original_width": 200, "original_height": 100, "value": {"x": 10, "y": 20, "width": 50, "height": 40, "labels": ["cat"]}}`)), images: []string{"i/a.png" + read}},
		"kinds": {text: studioText(`"image": "a.png"`, studioWork(
			studioResult("rectanglelabels", `"x": 10, "y": 20, "width": 50, "height": 40, "rotation": 90, "rectanglelabels": ["cat", "dog"]`),
			studioResult("polygonlabels", `"points": [[1, 2], [3, 10], [2, 5]], "polygonlabels": ["cat"]`),
			studioResult("ellipselabels", `"x": 50, "y": 50, "radiusX": 10, "radiusY": 10, "rotation": 90, "ellipselabels": ["cat"]`),
			studioResult("keypointlabels", `"x": 50, "y": 50, "width": 1, "keypointlabels": ["cat"]`), studioResult("choices", `"choices": ["sharp"]`),
			studioResult("rectangle", strings.Split(studioBox, `, "rot`)[0]), strings.Replace(studioResult("rectanglelabels", studioBox), `"id"`, `"image_rotation": 90, "id"`, 1), `{"type": "relation"}`)),
			images: []string{"i/a.png 200x100; cat [-20 20 40 100]; cat [2 2 4 8]; cat [90 30 20 40]; cat [20 20 100 40]"},
			changes: []string{"1 " + changedRotated, "1 region with several labels, the first is taken", "1 " + changedPolygon, "1 " + changedEllipse,
				`1 result of type "keypointlabels", left out`, `1 result of type "choices", left out`, "1 region without a label, left out", "1 image rotated in Label Studio, box read as it is", `1 result of type "relation", left out`}},
		"faults": {text: studioText(`"image": "a.png"`, studioWork(studioResult("rectanglelabels", `"x": "10", "y": 20`), studioResult("rectanglelabels", `"x": 10, "y": 20, "rectanglelabels": ["cat"]`),
			strings.Replace(studioResult("rectanglelabels", studioBox), "200", "null", 1), strings.Replace(studioResult("rectanglelabels", studioBox), "200", "-2", 1), "5",
			studioResult("rectanglelabels", `"x": 10, "y": NaN, "rectanglelabels": [7]`), studioResult("rectanglelabels", strings.Replace(studioBox, "50", "-50", 1)),
			studioResult("brushlabels", `"rle": [0, 0, 0, 1], "brushlabels": ["cat"]`), studioResult("polygonlabels", `"points": [[1]], "polygonlabels": ["cat"]`))), images: []string{"i/a.png 200x100"},
			told: []string{"t.json: [0].annotations[0].result[0].value.x: byte", "result[3].original_width: -2 pixels", "result[4]: byte", "result[5].value.y: NaN is not a finite number",
				"result[8].value.points: [0]: a list of 1 numbers, want 2", "result[1].value.width: missing", "result[2].original_width: missing", "result[6].value: a box of [20 20 -100 40]", "result[7].value.rle: 1 values, want 4 for each of 200 x 100 pixels"}},
		"wrong": {text: `[{"data": 5, "annotations": {}}, {"annotations": []}, 7]`, told: []string{"t.json: [0].data: byte 10: '5' where", `t.json: [1]: want "data" and "annotations" as in`, "t.json: [2]: byte"}},
	} {
		t.Run(name, func(t *testing.T) {
			images, changes, told, err := labelled(t, "i/a.png\nt.json>"+c.text, Options{})
			requireLabelled(t, c.images, c.changes, c.told, images, changes, told, err)
		})
	}
	_, _, _, err := labelled(t, `a.png
		t.json>[{"image": "a.png", "id": 1, "annotator": 1, "annotation_id": 5, "label": []}]`, Options{})
	require.ErrorContains(t, err, "this is JSON-MIN of Label Studio, export the project as JSON")
}

const openImagesHeader = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf"

func TestOpenImages(t *testing.T) {
	for name, c := range map[string]struct {
		rows, classes         string
		images, changes, told []string
		want                  string
	}{
		"boxes": {rows: "a,x,/m/1,1,0.25,0.75,0.1,0.5,0,1,0\r\r\n\"a\",x,\"/m/2\",1,0,1,0,1,0,0,1\r", classes: "/m/2,\"Cat, small\"\r/m/1,Dog",
			images: []string{"a.png 20x10; Dog [5 1 10 4]"}, told: []string{"not annotated: b.png: no box of it in the CSV files"}},
		"class of a header": {rows: "b,x,LabelName,1,0,1,0,1,0,0,0", classes: "LabelName,LabelName", images: []string{"b.png 20x10; LabelName [0 0 20 10]"}, told: []string{"not annotated: a.png"}},
		"elsewhere": {rows: "a,x,/m/1,1,0.25,0.75,0.1,0.5,0,0,0\rz,x,/m/1,1,0.25,0.75,0.1,0.5,0,0,0\rb,x,/m/2,1,0,1,0,1,0,0,0",
			images: []string{"a.png 20x10; /m/1 [5 1 10 4]", "b.png 20x10; /m/2 [0 0 20 10]"}, changes: []string{"1 box of an image that is not in the folder, left out"}},
		"faults": {rows: "b,x,/m/1,1,0,1,0,1,0,0,0\ra,x,/m/1,1,x,1,0,1,0,0,0\ra,x,/m/1,1,0.5,0.25,0,1,0,0,0\ra,x,/m/1,1,0,1,0.6,0.5,0,0,0\ra,x,/m/1,1,0,1.2,0,1,0,0,0\ra,x,,1,0,1,0,1,0,0,0\r,x,/m/1,1,0,1,0,1,0,0,0\ra,x\ra,\"x",
			images: []string{"b.png 20x10; /m/1 [0 0 20 10]"}, told: []string{`boxes.csv: line 3: XMin: "x" is not a finite number`, "line 4: XMax: 0.25 is left of XMin 0.5", "line 5: YMax: 0.5 is above YMin 0.6",
				"line 6: XMax: 1.2 is not a fraction", "line 7: LabelName: missing", "line 8: ImageID: missing", "line 9: 2 columns, the first line has 11", "line 10: ", "not annotated: a.png"}},
		"unknown class": {rows: "b,x,/m/1,1,0,1,0,1,0,0,0\rb,x,/m/3,1,0,1,0,1,0,0,0", classes: "/m/1,Dog", images: []string{"b.png 20x10; Dog [0 0 20 10]"},
			told: []string{`boxes.csv: line 3: LabelName: "/m/3" is not in the file of class names`, "not annotated: a.png"}},
		"none":          {rows: "z,x,/m/1,1,0,1,0,1,0,0,0", want: "no box in it is of an image in"},
		"class twice":   {rows: "b,x,/m/1,1,0,1,0,1,0,0,0", classes: "/m/1,Dog\r/m/2,Dog", want: `class-descriptions-boxable.csv: line 2: "/m/2,Dog" is empty or listed twice`},
		"class columns": {rows: "b,x,/m/1,1,0,1,0,1,0,0,0", classes: "/m/1", want: `class-descriptions-boxable.csv: line 1: 1 columns, want LabelName and the name`},
		"long line":     {rows: strings.Repeat("x", maxCSVLine+1), want: "boxes.csv: line 2: more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := makeFolder(t, "a.png\nb.png")
			writeFile(t, filepath.Join(dir, "boxes.csv"), openImagesHeader+"\n"+strings.ReplaceAll(c.rows, "\r", "\n"))
			if c.classes != "" {
				writeFile(t, filepath.Join(dir, "class-descriptions-boxable.csv"), strings.ReplaceAll(c.classes, "\r", "\n"))
			}
			var told []string
			d, err := Open(dir, Options{Report: func(err error) { told = append(told, err.Error()) }, Unannotated: func(err error) {
				told = append(told, "not annotated: "+strings.ReplaceAll(err.Error(), dir+"/", ""))
			}})
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			var images, changes []string
			for i, img := range d.Images {
				text := fmt.Sprintf("%s %dx%d", img.FileName, img.Width, img.Height)
				for _, at := range d.Objects(i) {
					if a := d.Annotations[at]; !a.Crowd {
						text += fmt.Sprintf("; %s %v", d.Categories[a.Class-1].Name, a.Box)
					}
				}
				images = append(images, text)
			}
			for _, k := range d.Changes.Kinds() {
				changes = append(changes, fmt.Sprintf("%d %s", k.Count, k.Kind))
			}
			requireLabelled(t, c.images, c.changes, c.told, images, changes, told, nil)
			if name == "boxes" {
				require.Equal(t, []string{"Cat, small", "Dog"}, d.ClassNames())
				require.True(t, d.Annotations[1].Crowd && d.Annotations[0].Truncated)
			}
		})
	}
}

// fuzzRecords reads a text, and checks that what is read is whole and faults are short.
func fuzzRecords(t *testing.T, read func(r *records) error) {
	faults := 0
	r := newRecords("x", newImageFinder(t.TempDir(), []string{"a.png", "b/a.png"}), Options{Report: func(err error) {
		faults++
		require.Less(t, len(err.Error()), 3000)
	}})
	if err := read(r); err != nil {
		require.Less(t, len(err.Error()), 3000)
		return
	}
	d := r.finish()
	for i := range d.Annotations {
		require.NotEmpty(t, d.Categories[d.Annotations[i].Class-1].Name)
		require.True(t, finiteBox(d.Annotations[i].Box))
		require.Less(t, d.Annotations[i].Image, len(d.Images))
	}
}

func FuzzCVAT(f *testing.F) {
	f.Add(cvatText(cvatImageText("a.png", cvatBoxText)))
	f.Add(cvatText(cvatImageText("c.png", `<mask label="cat" rle="1, 2, 3" left="3" top="4" width="3" height="2"/><polygon label="cat" points="1,2;3,4"/>`)))
	f.Fuzz(func(t *testing.T, text string) {
		fuzzRecords(t, func(r *records) error {
			return r.readCVAT(strings.NewReader(text), "x.xml", func(subset string) bool { return subset == "" })
		})
	})
}

func FuzzLabelStudio(f *testing.F) {
	f.Add(studioText(`"image": "a.png"`, studioWork(studioResult("rectanglelabels", studioBox))))
	f.Add(studioText(`"image": "s3://x/c.png"`, studioWork(studioResult("brushlabels", `"rle": [0, 0, 0, 4, 57, 38, 37, 1], "brushlabels": ["x"]`),
		studioResult("polygonlabels", `"points": [[1, 2], [3, 10], [2, 5]], "polygonlabels": ["cat"]`))))
	f.Fuzz(func(t *testing.T, text string) {
		fuzzRecords(t, func(r *records) error { return r.readStudio(strings.NewReader(text), int64(len(text)), "x.json") })
	})
}

func FuzzOpenImages(f *testing.F) {
	f.Add(openImagesHeader + "\na,x,/m/1,1,0.25,0.75,0.1,0.5,0,1,0\n\"a\",x,\"/m/2\",1,0,1,0,1,0,0,1")
	f.Fuzz(func(t *testing.T, text string) {
		fuzzRecords(t, func(r *records) error {
			o, err := newOpenImages(r, nil)
			if err != nil {
				return err
			}
			return o.read(strings.NewReader(text), "x.csv")
		})
	})
}

func FuzzLabelMe(f *testing.F) {
	f.Add(labelMeText("a.png", rectangleShape))
	f.Add(labelMeText("a.png", `{"label": "p", "group_id": 1, "points": [[1, 2], [3, 9], [2, 4]]}, {"label": "x", "flags": {"difficult": true}, "points": [], "shape_type": "star"}`))
	f.Fuzz(func(t *testing.T, text string) {
		fuzzRecords(t, func(r *records) error {
			m := new(labelMeFile)
			m.read(strings.NewReader(text), int64(len(text)), "x.json")
			return r.addLabelMe("x.json", "a.png", m)
		})
	})
}
