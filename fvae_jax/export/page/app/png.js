// A picture as a PNG file with notes in it, as text and as XMP, where software and platforms look for them.

const SIGNATURE = 8;
const SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia';

let table = null;

function crc(bytes) {
  table ??= Uint32Array.from({length: 256}, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  let sum = 0xffffffff;
  for (const byte of bytes) sum = table[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** A chunk of international text. */
function chunk(keyword, text) {
  const encoder = new TextEncoder();
  const body = new Uint8Array([...encoder.encode('iTXt'), ...encoder.encode(keyword), 0, 0, 0, 0, 0, ...encoder.encode(text)]);
  const bytes = new Uint8Array(body.length + 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length - 4);
  bytes.set(body, 4);
  view.setUint32(body.length + 4, crc(body));
  return bytes;
}

/** XMP of the notes, as `fvae_jax/photo/xmp.py` writes it. */
function packet({Software, ...others}) {
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const parameters = Object.entries(others).map(([name, text]) => `${name}: ${text}`).join('; ');
  return `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
 xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"><Iptc4xmpExt:DigitalSourceType>${SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>
<xmpMM:History><rdf:Seq><rdf:li stEvt:action="edited" stEvt:softwareAgent="${escaped(Software)}"
 stEvt:parameters="${escaped(parameters)}"/></rdf:Seq></xmpMM:History></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`;
}

/** Puts notes, {name: text}, after the header of a PNG. */
async function annotated(blob, notes) {
  const head = new DataView(await blob.slice(0, SIGNATURE + 4).arrayBuffer());
  const end = SIGNATURE + 12 + head.getUint32(SIGNATURE);
  const told = notes.Edit === 'nothing' ? notes : {...notes, 'XML:com.adobe.xmp': packet(notes)};
  const chunks = Object.entries(told).map(([keyword, text]) => chunk(keyword, text));
  return new Blob([blob.slice(0, end), ...chunks, blob.slice(end)], {type: 'image/png'});
}

/** A canvas as a PNG with notes. */
export async function encoded(canvas, notes) {
  return annotated(await canvas.convertToBlob({type: 'image/png'}), notes);
}
