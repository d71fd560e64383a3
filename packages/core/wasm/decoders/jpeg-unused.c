// libjpeg-turbo decodes 8, 12 and 16 bits by functions of their own. A file of more than 8 does not get this far; what it would
// call refuses it, so that the rest of 12 and 16 bits need not be there.
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"

#define REFUSED(name) \
  void name(j_decompress_ptr picture) { ERREXIT1(picture, JERR_BAD_PRECISION, picture->data_precision); }
#define REFUSED_BUFFERED(name) \
  void name(j_decompress_ptr picture, boolean buffered) { \
    (void)buffered; \
    ERREXIT1(picture, JERR_BAD_PRECISION, picture->data_precision); \
  }
// Only without fancy upsampling.
REFUSED(jinit_merged_upsampler)
REFUSED(j12init_merged_upsampler)
REFUSED(j12init_inverse_dct)
REFUSED(j12init_upsampler)
REFUSED(j12init_color_deconverter)
REFUSED_BUFFERED(j12init_d_main_controller)
REFUSED_BUFFERED(j12init_d_coef_controller)
REFUSED_BUFFERED(j12init_d_post_controller)
