package labelstudio

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const cells = `<View>
  <Image name="img" value="$photo"/>
  <RectangleLabels name="tag" toName="img">
    <View><Label value="RBC" background="red"/><Label value="White cell" alias="wbc"/></View>
    <Label value="rbc"/>
  </RectangleLabels>
  <Choices name="quality" toName="img"><Choice value="WBC"/></Choices>
</View>`

func TestConfig(t *testing.T) {
	c, err := ParseConfig(cells)
	require.NoError(t, err)
	assert.Equal(t, "img", c.Image)
	assert.Equal(t, "photo", c.Field)
	for class, want := range map[string]string{"RBC": "RBC", "rbc": "rbc", "Rbc": "RBC", "WBC": "wbc", "White cell": "", "Platelets": "", "": ""} {
		control, label, ok := c.Target(class)
		assert.Equal(t, want, label, class)
		assert.Equal(t, want != "", ok, class)
		if ok {
			assert.Equal(t, "tag", control)
		}
	}
}

// TestConfigChoices: a control before its image, two controls of an image, a second image, labels from the data.
func TestConfigChoices(t *testing.T) {
	c, err := ParseConfig(`<View>
		<RectangleLabels name="lists" toName="pages"><Label value="cat"/></RectangleLabels><Image name="pages" valueList="$images"/>
		<RectangleLabels name="a" toName="one"><Label value="CAT"/></RectangleLabels>
		<RectangleLabels name="b" toName="one"><Label value="cat"/></RectangleLabels>
		<RectangleLabels name="any" toName="one" value="$labels"/>
		<RectangleLabels name="c" toName="two"><Label value="dog"/></RectangleLabels>
		<Image name="one" value="$image"/><Image name="two" value="$other"/></View>`)
	require.NoError(t, err)
	assert.Equal(t, "image", c.Field)
	for class, want := range map[string][2]string{"cat": {"b", "cat"}, "Cat": {"a", "CAT"}, "dog": {"any", "dog"}} {
		control, label, ok := c.Target(class)
		assert.True(t, ok)
		assert.Equal(t, want, [2]string{control, label}, class)
	}
}

func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":               "no RectangleLabels, which boxes need",
		"<View></View>":  "no RectangleLabels, which boxes need",
		"<View>":         "not XML: XML syntax error on line 1: unexpected EOF",
		"<View>&x;":      "not XML: XML syntax error on line 1: invalid character entity &x;",
		"plain \x00text": "not XML: XML syntax error on line 1: illegal character code U+0000",
		`<View><RectangleLabels name="a" toName="b"/></View>`:                                     `RectangleLabels "a": toName = "b" is no Image with a value such as $image`,
		`<View><RectangleLabels name="a" toName="b"/><Image name="b" value="x.jpg"/></View>`:      `RectangleLabels "a": toName = "b" is no Image`,
		`<View><RectangleLabels name="a" toName="b"/><Image name="b" valueList="$x"/></View>`:     `RectangleLabels "a": toName = "b" is no Image`,
		`<View><RectangleLabels/>` + strings.Repeat(`<RectangleLabels name="x"/>`, 9) + `</View>`: `RectangleLabels "": toName = "" is no Image`,
	} {
		_, err := ParseConfig(text)
		assert.ErrorContains(t, err, want, text)
	}
}

// A configuration that is read has an image, and its own labels are targets.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{cells, "", "<View>", strings.Repeat("<View>", 100), strings.ReplaceAll(cells, `"`, `'`), `<a:Image xmlns:a="b"/>`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		if len(c.controls) == 0 {
			t.Fatal("no controls")
		}
		for _, k := range c.controls {
			for _, label := range k.labels {
				if _, got, ok := c.Target(label); !ok || got != label {
					t.Fatalf("%q became %q", label, got)
				}
			}
		}
	})
}
