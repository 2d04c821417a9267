// The programs of the graphics card. Positions are whole at the centers of pixels.

export const CORNERS = `#version 300 es
void main() {
  gl_Position = vec4(vec2((gl_VertexID & 1) * 4 - 1, (gl_VertexID >> 1) * 4 - 1), 0, 1);
}`;

/** Twice the samples along one axis: every second one a pixel, the others half-way between, by Lanczos of eight lobes. */
export const DOUBLE = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D source;
uniform ivec2 axis;
uniform float kernel[8];
out vec4 color;

vec4 read(ivec2 at) {
  return texelFetch(source, clamp(at, ivec2(0), textureSize(source, 0) - 1), 0);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int along = at.x * axis.x + at.y * axis.y;
  at -= axis * (along - along / 2);
  if (along % 2 == 0) {
    color = read(at);
    return;
  }
  color = vec4(0);
  for (int i = 0; i < 8; i++) color += kernel[i] * (read(at - i * axis) + read(at + (i + 1) * axis));
}`;

/**
 * Moves the pixels of a face, shades them, and lays what is new over them.
 *
 * A similarity is (a, b, x, y); \`toFine\` takes an output pixel to the refined crop, \`toSource\` to the source, \`toTeeth\` to
 * an exemplar's.
 */
export const WARP = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D doubled, field, content, noise, teeth, cavity, lips, tones;
uniform vec4 toFine, toSource, toTeeth, toCrop;
uniform vec2 cavityScale, cavityShift;
uniform vec3 cavityGain;
uniform float cavityShare, cavityFiner;
uniform vec3 gain;  // of teeth
uniform float finer;  // px of teeth to one of the output; 0 without teeth
uniform vec2 turn;  // a displacement of crop px to one of source px
uniform vec4 bounds;  // least x and y, largest x and y in the source: where the photo ends
uniform ivec2 noiseOrigin;
uniform float grain, light, flowMaximum;
uniform vec3 skin;  // by how much each color is shaded
uniform float toneShare;  // how far the photo is of one color; 0 of one in colors
uniform int dense;  // samples to a pixel of the source
uniform bool showFlow;  // as colors, not the edit
out vec4 color;

vec2 similarity(vec4 s, vec2 p) {
  return vec2(s.x * p.x - s.y * p.y, s.y * p.x + s.x * p.y) + s.zw;
}

/* Bilinear, zero outside. */
vec4 fine(sampler2D map, vec2 q) {
  ivec2 size = textureSize(map, 0), low = ivec2(floor(q));
  vec2 t = q - floor(q);
  vec4 sum = vec4(0);
  for (int j = 0; j < 2; j++) for (int i = 0; i < 2; i++) {
    ivec2 at = low + ivec2(i, j);
    if (all(greaterThanEqual(at, ivec2(0))) && all(lessThan(at, size))) {
      sum += (i == 0 ? 1.0 - t.x : t.x) * (j == 0 ? 1.0 - t.y : t.y) * texelFetch(map, at, 0);
    }
  }
  return sum;
}

vec4 cubic(float t) {
  const float a = -0.75;
  float s = 1.0 - t, u = 1.0 + t;
  vec3 w = vec3(((a * u - 5.0 * a) * u + 8.0 * a) * u - 4.0 * a,
                ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0,
                ((a + 2.0) * s - (a + 3.0)) * s * s + 1.0);
  return vec4(w, 1.0 - w.x - w.y - w.z);
}

vec3 sharp(vec2 p) {
  vec2 q = float(dense) * p;
  ivec2 low = ivec2(floor(q)) - 1, last = textureSize(doubled, 0) - 1;
  vec4 wx = cubic(fract(q.x)), wy = cubic(fract(q.y));
  vec3 sum = vec3(0);
  for (int j = 0; j < 4; j++) {
    vec3 row = vec3(0);
    for (int i = 0; i < 4; i++) row += wx[i] * texelFetch(doubled, clamp(low + ivec2(i, j), ivec2(0), last), 0).rgb;
    sum += wy[j] * row;
  }
  return floor(clamp(sum, 0.0, 1.0) * 255.0 + 0.5) / 255.0;
}

vec4 inside(sampler2D map, ivec2 at) {
  return all(greaterThanEqual(at, ivec2(0))) && all(lessThan(at, textureSize(map, 0))) ? texelFetch(map, at, 0) : vec4(0);
}

/* Bicubic, or, of a picture \`finer\` than the output, the mean by a Gaussian of 0.45 output pixels; zero outside. */
vec4 exemplar(sampler2D map, vec2 q, float finer) {
  vec4 sum = vec4(0);
  if (finer <= 1.0) {
    ivec2 low = ivec2(floor(q)) - 1;
    vec4 wx = cubic(fract(q.x)), wy = cubic(fract(q.y));
    for (int j = 0; j < 4; j++) for (int i = 0; i < 4; i++) sum += wx[i] * wy[j] * inside(map, low + ivec2(i, j));
    return clamp(sum, 0.0, 1.0);
  }
  float total = 0.0;
  int reach = int(ceil(1.35 * finer));
  for (int j = -reach; j <= reach; j++) for (int i = -reach; i <= reach; i++) {
    ivec2 at = ivec2(floor(q + 0.5)) + ivec2(i, j);
    vec2 off = (vec2(at) - q) / (0.45 * finer);
    float weight = exp(-0.5 * dot(off, off));
    sum += weight * inside(map, at);
    total += weight;
  }
  return sum / total;
}

vec3 flowColor(vec2 d) {
  float saturation = min(length(d) / flowMaximum, 1.0);
  float angle = d == vec2(0) ? 0.0 : atan(d.y, d.x);
  vec3 sixths = angle * 0.954929658551 + vec3(0, 4, 2);
  vec3 pure = clamp(abs(mod(sixths, 6.0) - 3.0) - 1.0, 0.0, 1.0);
  return 1.0 - saturation * (1.0 - pure);
}

void main() {
  vec2 p = gl_FragCoord.xy - 0.5;
  vec2 q = similarity(toFine, p);
  vec4 f = fine(field, q);
  vec2 d = vec2(turn.x * f.x - turn.y * f.y, turn.y * f.x + turn.x * f.y);
  vec2 place = similarity(toSource, p);
  if (showFlow) {
    vec3 here = sharp(clamp(place, bounds.xy, bounds.zw));
    float gray = dot(here, vec3(0.299, 0.587, 0.114));
    color = vec4(mix(here, (110.0 + 145.0 * gray) / 255.0 * flowColor(d), f.w), 1);
    return;
  }
  vec3 moved = sharp(clamp(place + d, bounds.xy, bounds.zw));
  vec4 extra = fine(content, q);
  moved = floor(min(moved * exp(extra.a * skin), 1.0) * 255.0 + 0.5) / 255.0;
  float alpha = clamp(0.5 + 3.0 * (clamp(f.z, 0.0, 1.0) - 0.5), 0.0, 1.0);
  if (alpha > 0.0) {
    vec3 added = clamp(extra.rgb, -1.0, 1.0);
    if (finer > 0.0) {
      if (cavityShare > 0.0) {
        vec4 behind = cavityShare * exemplar(cavity, cavityScale * similarity(toCrop, p) + cavityShift, cavityFiner);
        added = 2.0 * clamp(cavityGain * behind.rgb, 0.0, 1.0) + (1.0 - behind.a) * (added + 1.0) - 1.0;
      }
      vec4 tooth = exemplar(teeth, similarity(toTeeth, p), finer);
      added = 2.0 * clamp(gain * tooth.rgb * fine(lips, q).r, 0.0, 1.0) + (1.0 - tooth.a) * (added + 1.0) - 1.0;
    }
    if (toneShare > 0.0) {
      float luma = dot(added, vec3(0.299, 0.587, 0.114));
      int last = textureSize(tones, 0).x - 1;
      float level = clamp(0.5 * (luma + 1.0), 0.0, 1.0) * float(last);
      int low = min(int(level), last - 1);
      vec3 offset = mix(texelFetch(tones, ivec2(low, 0), 0).rgb, texelFetch(tones, ivec2(low + 1, 0), 0).rgb, level - float(low));
      added = mix(added, clamp(luma + offset, -1.0, 1.0), toneShare);
    }
    float lighter = (1.0 + (added.r + added.g + added.b) / 3.0) / light;
    float darker = min(lighter, 1.0 / pow(max(lighter, 1.0), 3.0)); // teeth are lighter and smoother
    ivec2 at = (ivec2(gl_FragCoord.xy) + noiseOrigin) % textureSize(noise, 0);
    added += darker * grain * texelFetch(noise, at, 0).r;
    moved = mix(moved, 0.5 * (added + 1.0), alpha);
  }
  color = vec4(moved, 1);
}`;
