"""Layers, losses and initialisation, under the names of `torch.nn`."""

from lucid.nn import functional, init, utils
from lucid.nn.activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    Mish,
    ReLU,
    ReLU6,
    RReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softshrink,
    Softsign,
    Tanh,
    Tanhshrink,
    Threshold,
)
from lucid.nn.bilinear import Bilinear
from lucid.nn.container import (
    Identity,
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    Sequential,
)
from lucid.nn.conv import Conv1d, ConvTranspose1d, DepthSeparableConv1d
from lucid.nn.conv2d import Conv2d, ConvTranspose2d
from lucid.nn.dropout import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    FeatureAlphaDropout,
)
from lucid.nn.embedding import Embedding
from lucid.nn.embedding_bag import EmbeddingBag
from lucid.nn.folding import Fold, Unfold
from lucid.nn.lazy import (
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyConv1d,
    LazyConv2d,
    LazyConvTranspose1d,
    LazyConvTranspose2d,
    LazyInstanceNorm1d,
    LazyInstanceNorm2d,
    LazyLinear,
)
from lucid.nn.learned_activation import (
    PReLU,
    Snake,
    Snake1d,
    SnakeBeta,
)
from lucid.nn.linear import Flatten, Linear, Unflatten
from lucid.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    CTCLoss,
    GaussianNLLLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    MultiLabelSoftMarginLoss,
    NLLLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
)
from lucid.nn.margin_loss import (
    CosineEmbeddingLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiMarginLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)
from lucid.nn.module import Module
from lucid.nn.multihead_attention import MultiheadAttention
from lucid.nn.norm import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)
from lucid.nn.padding import (
    CircularPad1d,
    CircularPad2d,
    ConstantPad1d,
    ConstantPad2d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReplicationPad1d,
    ReplicationPad2d,
    ZeroPad1d,
    ZeroPad2d,
)
from lucid.nn.parameter import Buffer, Parameter
from lucid.nn.pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    LPPool1d,
    LPPool2d,
    MaxPool1d,
    MaxPool2d,
    MaxUnpool1d,
    MaxUnpool2d,
)
from lucid.nn.probabilities import LogSoftmax, Softmax, Softmax2d, Softmin
from lucid.nn.recurrent import GRU, LSTM, RNN, RNNBase
from lucid.nn.recurrent_cell import GRUCell, LSTMCell, RNNCell, RNNCellBase
from lucid.nn.resampling import (
    ChannelShuffle,
    PixelShuffle,
    PixelShuffle1d,
    PixelUnshuffle,
    PixelUnshuffle1d,
    Upsample,
    UpsamplingBilinear2d,
    UpsamplingNearest2d,
)
from lucid.nn.rotary import RotaryEmbedding
from lucid.nn.separable import SeparableConv1d
from lucid.nn.separation_norm import (
    ChannelLayerNorm1d,
    CumulativeLayerNorm1d,
    GlobalLayerNorm1d,
)
from lucid.nn.similarity import CosineSimilarity, PairwiseDistance
from lucid.nn.transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from lucid.nn.uninitialized import UninitializedBuffer, UninitializedParameter
