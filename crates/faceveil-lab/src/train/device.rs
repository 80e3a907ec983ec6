//! Where networks that go through burn are computed.

use anyhow::Result;
#[cfg(not(faceveil_gpu))]
use anyhow::bail;
#[cfg(feature = "burn")]
use burn::tensor::Device as Burn;
use serde::{Deserialize, Serialize};

/// A kind of device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// The processor; gate and direct networks on a path of their own
    #[default]
    Cpu,
    /// A graphics card, through wgpu; needs a build with `--cfg faceveil_gpu`
    Gpu,
}

impl Device {
    /// Whether this build has it.
    ///
    /// # Errors
    /// If not.
    pub fn check(self) -> Result<()> {
        #[cfg(not(faceveil_gpu))]
        if self == Self::Gpu {
            bail!("this build has no GPU: build faceveil-lab with RUSTFLAGS=\"--cfg faceveil_gpu\"");
        }
        Ok(())
    }

    /// burn's name for it.
    ///
    /// # Errors
    /// As [`Self::check`].
    #[cfg(feature = "burn")]
    pub fn burn(self) -> Result<Burn> {
        self.check()?;
        Ok(match self {
            Self::Cpu => Burn::flex(),
            #[cfg(faceveil_gpu)]
            Self::Gpu => Burn::wgpu(burn::tensor::DeviceKind::default()),
            #[cfg(not(faceveil_gpu))]
            Self::Gpu => unreachable!("checked"),
        })
    }
}

#[cfg(all(test, not(faceveil_gpu)))]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_a_gpu_says_what_to_build() {
        let refusal = Device::Gpu.check().expect_err("there is none").to_string();
        assert!(refusal.contains("--cfg faceveil_gpu"), "{refusal}");
        assert!(Device::Cpu.check().is_ok());
    }
}
