import { describe, expect, it } from '@jest/globals';
import { arch, platform } from 'node:os';
import { describeCpus, hostInfo, majorOf } from './host.ts';

describe('hostInfo', () => {
  it('names the processor, the system without its minor version, the architecture and the host', () => {
    const host = hostInfo();
    expect(host.cpu).not.toBe('');
    expect(host.os).toMatch(new RegExp(`^${platform()} \\d+$`));
    expect(host.arch).toBe(arch());
    expect(host.hostname).not.toBe('');
  });

  it('is the same each time', () => {
    expect(hostInfo()).toEqual(hostInfo());
  });

  it('describes processors the same whatever their number, order and spacing', () => {
    const once = describeCpus(['Xeon(R)  CPU @ 2.4GHz ']);
    expect(once).toBe('Xeon(R) CPU @ 2.4GHz');
    expect(describeCpus(['Xeon(R) CPU @ 2.4GHz', 'Xeon(R)  CPU @ 2.4GHz'])).toBe(once);
    expect(describeCpus(['little', 'big'])).toBe(describeCpus(['big', 'little', 'big']));
    expect(describeCpus(['', ' '])).toBe('unknown');
    expect(describeCpus([])).toBe('unknown');
  });

  it.each([
    ['6.1.0-13-amd64', '6'],
    ['23.5.0', '23'],
    ['10.0.22631', '10'],
    ['unknown', 'unknown'],
  ])('takes from release %s only %s', (release, major) => {
    expect(majorOf(release)).toBe(major);
  });
});
