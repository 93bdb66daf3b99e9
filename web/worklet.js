// worklet.js: microphone -> 16-bit packets of about 32 ms, on the audio thread. Posts { samples: Int16Array, peak: 0..1 };
// on the message 'flush' what is left, then { ended: true }.
// Options: factor, how many samples become one (for devices faster than the protocol's 48 kHz).

const PACKET_MS = 32;

class PcmPackets extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.factor = processorOptions.factor;
    this.length = Math.round((sampleRate / this.factor / 1000) * PACKET_MS);
    this.begin();
    this.sum = 0;
    this.summed = 0;
    this.running = true;
    this.port.onmessage = () => this.flush();
  }

  begin() {
    this.packet = new Int16Array(this.length);
    this.filled = 0;
    this.peak = 0;
  }

  post(samples) {
    this.port.postMessage({ samples, peak: this.peak }, [samples.buffer]);
    this.begin();
  }

  flush() {
    if (this.running && this.filled > 0) this.post(this.packet.slice(0, this.filled));
    this.running = false;
    this.port.postMessage({ ended: true });
  }

  process([channels]) {
    const input = channels[0]; // mono by the node's channelCount; nothing while the device starts
    if (!input || !this.running) return this.running;
    for (const sample of input) {
      this.sum += sample;
      if (++this.summed < this.factor) continue;
      const value = Math.max(-1, Math.min(1, this.sum / this.factor));
      this.sum = 0;
      this.summed = 0;
      this.peak = Math.max(this.peak, Math.abs(value));
      this.packet[this.filled++] = Math.round(value * 32767);
      if (this.filled === this.length) this.post(this.packet);
    }
    return true;
  }
}

registerProcessor('pcm-packets', PcmPackets);
